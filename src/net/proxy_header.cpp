#include "net/proxy_header.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace fairlead::net {
namespace {

constexpr std::string_view kLineBegin = "PROXY ";
constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t kBinaryHeadBytes = 16;
constexpr unsigned kVersion = 2;
constexpr unsigned kLocal = 0;
constexpr unsigned kProxied = 1;
/// Family and transport.
constexpr unsigned kTcpOver4 = 0x11;
constexpr unsigned kTcpOver6 = 0x21;
constexpr std::size_t kBytesOfTcp4 = 12;
constexpr std::size_t kBytesOfTcp6 = 36;
constexpr std::size_t kMost = std::max(kLineBegin.size(), kSignature.size());

unsigned octet(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

std::uint16_t number16(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(octet(bytes, at) << 8U | octet(bytes, at + 1));
}

/// Decimal, without sign or leading zeros.
std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool is_whole = read.ec == std::errc{} && read.ptr == text.data() + text.size();
  if (!is_whole || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  return port;
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    const std::size_t space = line.find(' ');
    words.push_back(line.substr(0, space));
    if (space == std::string_view::npos) return words;
    line.remove_prefix(space + 1);
  }
}

bool begins_alike(std::string_view seen, std::string_view wanted) {
  const std::size_t shorter = std::min(seen.size(), wanted.size());
  return seen.substr(0, shorter) == wanted.substr(0, shorter);
}

}  // namespace

ProxyHeader::Outcome ProxyHeader::take(std::string_view& input) {
  while (!input.empty()) {
    const char next = input.front();
    input.remove_prefix(1);
    if (const Outcome outcome = take_octet(next); outcome != Outcome::kNeedMore) return outcome;
  }
  return Outcome::kNeedMore;
}

ProxyHeader::Outcome ProxyHeader::take_octet(char next) {
  seen_ += next;
  if (seen_.size() <= kMost && !begins_alike(seen_, kLineBegin) &&
      !begins_alike(seen_, kSignature)) {
    return Outcome::kMalformed;
  }
  if (seen_.front() == kLineBegin.front()) {
    if (seen_.ends_with("\r\n")) return read_line();
    const bool is_broken = next == '\n' || next == '\0' || seen_.size() >= kMaxLineBytes;
    return is_broken ? Outcome::kMalformed : Outcome::kNeedMore;
  }
  if (seen_.size() == kBinaryHeadBytes) return read_binary_head();
  if (whole_bytes_ != 0 && seen_.size() == whole_bytes_) return read_binary();
  return Outcome::kNeedMore;
}

ProxyHeader::Outcome ProxyHeader::read_line() {
  const std::string_view line = std::string_view(seen_).substr(0, seen_.size() - 2);
  const auto words = words_of(line);
  // What follows UNKNOWN is to be ignored (section 2.1).
  if (words.size() >= 2 && words[1] == "UNKNOWN") return Outcome::kWhole;
  if (words.size() != 6) return Outcome::kMalformed;
  const bool is_v4 = words[1] == "TCP4";
  if (!is_v4 && words[1] != "TCP6") return Outcome::kMalformed;
  const auto is_of_family = [is_v4](std::string_view text) {
    return IpAddress::parse(text) && (text.find(':') == std::string_view::npos) == is_v4;
  };
  const auto port = port_of(words[4]);
  if (!is_of_family(words[2]) || !is_of_family(words[3]) || !port || !port_of(words[5])) {
    return Outcome::kMalformed;
  }
  client_ = IpAddress::parse(words[2])->text_with_port(*port);
  return Outcome::kWhole;
}

ProxyHeader::Outcome ProxyHeader::read_binary_head() {
  const unsigned command = octet(seen_, 12) & 0x0FU;
  if (octet(seen_, 12) >> 4U != kVersion || command > kProxied) return Outcome::kMalformed;
  whole_bytes_ = kBinaryHeadBytes + number16(seen_, 14);
  if (whole_bytes_ > kMaxBinaryBytes) return Outcome::kMalformed;
  return whole_bytes_ == kBinaryHeadBytes ? read_binary() : Outcome::kNeedMore;
}

ProxyHeader::Outcome ProxyHeader::read_binary() {
  if ((octet(seen_, 12) & 0x0FU) == kLocal) return Outcome::kWhole;
  const unsigned family = octet(seen_, 13);
  const std::string_view body = std::string_view(seen_).substr(kBinaryHeadBytes);
  IpAddress::Bytes bytes{};
  if (family == kTcpOver4) {
    if (body.size() < kBytesOfTcp4) return Outcome::kMalformed;
    bytes[10] = bytes[11] = 0xFF;
    std::copy_n(body.begin(), 4, bytes.begin() + 12);
    client_ = IpAddress(bytes).text_with_port(number16(body, 8));
  } else if (family == kTcpOver6) {
    if (body.size() < kBytesOfTcp6) return Outcome::kMalformed;
    std::copy_n(body.begin(), bytes.size(), bytes.begin());
    client_ = IpAddress(bytes).text_with_port(number16(body, 32));
  }
  // Of another family (section 2.2) only the length is known: it is skipped, as the TLVs are.
  return Outcome::kWhole;
}

}  // namespace fairlead::net
