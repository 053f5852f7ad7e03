#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fairlead::net {

/// An IPv4 or IPv6 address with its port, as the kernel takes it.
class Address {
 public:
  /// `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`; `*:8080` is every address of the machine.
  /// Names other than localhost are not looked up.
  static Result<Address> parse(std::string_view text);
  /// The end of a socket that the kernel names; `0.0.0.0:0` where it names none.
  static Address local(int fd);
  static Address peer(int fd);
  /// Takes the next connection that waits at a listening socket, non-blocking, and whose it is. -1
  /// with errno when there is none.
  struct Accepted;
  static Accepted accept(int listener);

  const sockaddr* get() const;
  socklen_t size() const;
  int family() const { return storage_.ss_family; }
  std::uint16_t port() const;
  /// `192.0.2.7:4711` or `[2001:db8::1]:4711`; an IPv4 peer of an IPv6 socket reads as IPv4.
  std::string text() const;
  /// What one peer may own: an IPv4 address, or an IPv6 network of 64 bits, as bytes.
  std::string network() const;

 private:
  Address();
  sockaddr* get();

  sockaddr_storage storage_{};
};

struct Address::Accepted {
  int fd = -1;
  Address peer;
};

/// Whom `192.0.2.7:4711` or `[2001:db8::1]:4711` counts for: an IPv4 address, or the /64 network of
/// an IPv6 one, all of which one host can have (RFC 4291, 2.5.4).
std::string counted_address(std::string_view remote);

/// Text of the peer's address.
std::string remote_address(int fd);

}  // namespace fairlead::net
