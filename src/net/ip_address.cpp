#include "net/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>

namespace fairlead::net {
namespace {

constexpr IpAddress::Bytes kV4Begin = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr std::size_t kV4At = 12;
constexpr int kV4Bits = 32;
constexpr int kAllBits = 128;

bool bit_of(const IpAddress& address, int index) {
  const auto at = static_cast<std::size_t>(index / 8);
  return (address.bytes()[at] >> (7 - index % 8) & 1) != 0;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text);
  Bytes bytes = kV4Begin;
  if (::inet_pton(AF_INET, terminated.c_str(), bytes.data() + kV4At) == 1) return IpAddress(bytes);
  if (::inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) return IpAddress(bytes);
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::of(const Address& address) {
  Bytes bytes = kV4Begin;
  if (address.family() == AF_INET) {
    sockaddr_in raw{};
    std::memcpy(&raw, address.get(), sizeof raw);
    std::memcpy(bytes.data() + kV4At, &raw.sin_addr, sizeof raw.sin_addr);
    return IpAddress(bytes);
  }
  if (address.family() != AF_INET6) return std::nullopt;
  sockaddr_in6 raw{};
  std::memcpy(&raw, address.get(), sizeof raw);
  std::memcpy(bytes.data(), &raw.sin6_addr, bytes.size());
  return IpAddress(bytes);
}

bool IpAddress::is_v4() const {
  return std::equal(bytes_.begin(), bytes_.begin() + kV4At, kV4Begin.begin());
}

std::string IpAddress::text_with_port(std::uint16_t port) const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_v4()) {
    ::inet_ntop(AF_INET, bytes_.data() + kV4At, text.data(), text.size());
    return fmt::format("{}:{}", text.data(), port);
  }
  ::inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
  return fmt::format("[{}]:{}", text.data(), port);
}

Result<IpRange> IpRange::parse(std::string_view text) {
  const auto bad = [text] {
    return fail(Code::kInvalid, "{} is no address and no range such as 10.0.0.0/8", text);
  };
  const std::size_t slash = text.find('/');
  const auto begin = IpAddress::parse(text.substr(0, slash));
  if (!begin) return bad();
  if (slash == std::string_view::npos) return IpRange(*begin, kAllBits);
  const std::string_view digits = text.substr(slash + 1);
  const bool is_v4_text = text.find(':') == std::string_view::npos;
  int bits = -1;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  const bool is_number = read.ec == std::errc{} && read.ptr == digits.data() + digits.size();
  if (!is_number || bits < 0 || bits > (is_v4_text ? kV4Bits : kAllBits)) return bad();
  if (is_v4_text) bits += kAllBits - kV4Bits;
  for (int i = bits; i < kAllBits; ++i) {
    if (!bit_of(*begin, i)) continue;
    return fail(Code::kInvalid, "{}: the address has bits behind its prefix", text);
  }
  return IpRange(*begin, bits);
}

bool IpRange::contains(const IpAddress& address) const {
  const auto whole = static_cast<std::size_t>(prefix_bits_ / 8);
  if (!std::equal(address.bytes().begin(),
                  address.bytes().begin() + static_cast<std::ptrdiff_t>(whole),
                  begin_.bytes().begin())) {
    return false;
  }
  for (int i = prefix_bits_ - prefix_bits_ % 8; i < prefix_bits_; ++i) {
    if (bit_of(address, i) != bit_of(begin_, i)) return false;
  }
  return true;
}

}  // namespace fairlead::net
