#include "net/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <iterator>

namespace fairlead::net {
namespace {

bool parse_port(std::string_view text, std::uint16_t& port) {
  if (text.empty()) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size();
}

template <typename Raw>
Raw as(const sockaddr_storage& storage) {
  Raw raw{};
  std::memcpy(&raw, &storage, sizeof raw);
  return raw;
}

std::string print(int family, const void* bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return ::inet_ntop(family, bytes, text.data(), text.size()) == nullptr ? "?" : text.data();
}

}  // namespace

Address::Address() { storage_.ss_family = AF_INET; }

const sockaddr* Address::get() const { return reinterpret_cast<const sockaddr*>(&storage_); }

sockaddr* Address::get() { return reinterpret_cast<sockaddr*>(&storage_); }

socklen_t Address::size() const {
  return family() == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

Result<Address> Address::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  std::uint16_t port = 0;
  if (colon == std::string_view::npos || !parse_port(text.substr(colon + 1), port)) {
    return fail(Code::kInvalid, "address {}: wants HOST:PORT, such as 127.0.0.1:8080", text);
  }
  std::string host(text.substr(0, colon));
  if (host == "localhost") host = "127.0.0.1";
  Address address;
  if (host == "*" || host == "0.0.0.0") host = "0.0.0.0";
  if (host.starts_with('[') && host.ends_with(']')) {
    sockaddr_in6 raw{};
    raw.sin6_family = AF_INET6;
    raw.sin6_port = htons(port);
    host = host.substr(1, host.size() - 2);
    if (::inet_pton(AF_INET6, host.c_str(), &raw.sin6_addr) == 1) {
      std::memcpy(&address.storage_, &raw, sizeof raw);
      return address;
    }
  } else {
    sockaddr_in raw{};
    raw.sin_family = AF_INET;
    raw.sin_port = htons(port);
    if (::inet_pton(AF_INET, host.c_str(), &raw.sin_addr) == 1) {
      std::memcpy(&address.storage_, &raw, sizeof raw);
      return address;
    }
  }
  return fail(Code::kInvalid, "address {}: {} is no IPv4 address and no IPv6 address in brackets",
              text, text.substr(0, colon));
}

Address Address::local(int fd) {
  Address address;
  socklen_t length = sizeof address.storage_;
  if (::getsockname(fd, address.get(), &length) != 0) return {};
  return address;
}

Address Address::peer(int fd) {
  Address address;
  socklen_t length = sizeof address.storage_;
  if (::getpeername(fd, address.get(), &length) != 0) return {};
  return address;
}

Address::Accepted Address::accept(int listener) {
  Address peer;
  socklen_t length = sizeof peer.storage_;
  const int fd = ::accept4(listener, peer.get(), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  return {.fd = fd, .peer = peer};
}

std::uint16_t Address::port() const {
  return family() == AF_INET6 ? ntohs(as<sockaddr_in6>(storage_).sin6_port)
                              : ntohs(as<sockaddr_in>(storage_).sin_port);
}

std::string Address::text() const {
  if (family() == AF_INET) {
    const auto raw = as<sockaddr_in>(storage_);
    return fmt::format("{}:{}", print(AF_INET, &raw.sin_addr), port());
  }
  if (family() != AF_INET6) return "local:0";
  const auto raw = as<sockaddr_in6>(storage_);
  if (IN6_IS_ADDR_V4MAPPED(&raw.sin6_addr)) {
    return fmt::format("{}:{}", print(AF_INET, &raw.sin6_addr.s6_addr[12]), port());
  }
  return fmt::format("[{}]:{}", print(AF_INET6, &raw.sin6_addr), port());
}

std::string Address::network() const {
  if (family() == AF_INET) {
    const auto raw = as<sockaddr_in>(storage_);
    std::string bytes(sizeof raw.sin_addr, '\0');
    std::memcpy(bytes.data(), &raw.sin_addr, bytes.size());
    return bytes;
  }
  if (family() != AF_INET6) return {};
  const auto raw = as<sockaddr_in6>(storage_);
  const bool is_v4 = IN6_IS_ADDR_V4MAPPED(&raw.sin6_addr);
  constexpr std::size_t kV4Begin = 12;
  constexpr std::size_t kNetworkBytes = 8;
  std::string bytes(is_v4 ? sizeof(in_addr) : kNetworkBytes, '\0');
  std::memcpy(bytes.data(), &raw.sin6_addr.s6_addr[is_v4 ? kV4Begin : 0], bytes.size());
  return bytes;
}

std::string remote_address(int fd) { return Address::peer(fd).text(); }

std::string counted_address(std::string_view remote) {
  if (!remote.starts_with('[')) return std::string(remote.substr(0, remote.rfind(':')));
  std::string address(remote.substr(1, remote.find(']') - 1));
  in6_addr bytes{};
  if (::inet_pton(AF_INET6, address.c_str(), &bytes) != 1) return address;
  std::fill(std::begin(bytes.s6_addr) + 8, std::end(bytes.s6_addr), std::uint8_t{0});
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET6, &bytes, text.data(), text.size());
  return std::string(text.data()) + "/64";
}

}  // namespace fairlead::net
