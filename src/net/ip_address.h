#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/address.h"

namespace fairlead::net {

/// An IPv4 or IPv6 address without a port. IPv4 inside IPv6 (`::ffff:192.0.2.7`) is IPv4.
class IpAddress {
 public:
  using Bytes = std::array<std::uint8_t, 16>;

  /// Nothing but the address: `192.0.2.7`, `2001:db8::1`.
  static std::optional<IpAddress> parse(std::string_view text);
  /// Nothing for the address of a local socket.
  static std::optional<IpAddress> of(const Address& address);
  /// In network order; an IPv4 address is the last four of its form in IPv6.
  explicit IpAddress(const Bytes& bytes) : bytes_(bytes) {}

  bool is_v4() const;
  const Bytes& bytes() const { return bytes_; }
  /// `192.0.2.7:4711` or `[2001:db8::1]:4711`; port 0 stands for one that is not known.
  std::string text_with_port(std::uint16_t port) const;

  friend bool operator==(const IpAddress&, const IpAddress&) = default;

 private:
  Bytes bytes_;
};

/// Addresses that begin with the same bits, such as 10.0.0.0/8.
class IpRange {
 public:
  /// `10.0.0.0/8`, `fd00::/8`, or one address. The bits behind the prefix must be zero.
  static Result<IpRange> parse(std::string_view text);
  bool contains(const IpAddress& address) const;

 private:
  IpRange(const IpAddress& begin, int prefix_bits) : begin_(begin), prefix_bits_(prefix_bits) {}

  IpAddress begin_;
  /// Of the form in IPv6.
  int prefix_bits_;
};

}  // namespace fairlead::net
