#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/ip_address.h"

namespace fairlead::net {

/// Reads the header that a proxy sends first on a connection (PROXY protocol of HAProxy, versions 1
/// and 2), from pieces of any size. Sans-IO.
class ProxyHeader {
 public:
  enum class Outcome : std::uint8_t { kNeedMore, kWhole, kMalformed };

  /// Version 1 is at most this long, with its line end; version 2 is bounded by the other.
  static constexpr std::size_t kMaxLineBytes = 107;
  static constexpr std::size_t kMaxBinaryBytes = 4096;

  /// Takes the header's octets off the front of `input`, and never one behind its end. After
  /// kWhole or kMalformed nothing more is to be given.
  Outcome take(std::string_view& input);

  /// After kWhole: who connected to the proxy; nothing when the proxy speaks for itself (LOCAL) or
  /// does not say (UNKNOWN, UNSPEC, local sockets).
  const std::optional<std::string>& client() const { return client_; }

 private:
  Outcome take_octet(char octet);
  Outcome read_line();
  Outcome read_binary_head();
  Outcome read_binary();

  std::string seen_;
  /// Of version 2, once its length has been read; 0 before.
  std::size_t whole_bytes_ = 0;
  std::optional<std::string> client_;
};

}  // namespace fairlead::net
