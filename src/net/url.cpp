#include "net/url.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <system_error>

namespace fairlead::net {
namespace {

constexpr std::size_t kMaxUrlBytes = 2048;
constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

bool is_visible(char c) { return c > ' ' && c < '\x7f'; }

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// `host`, `host:port`, `[::1]:port`; false when it is none.
bool split_authority(std::string_view authority, Url& url) {
  std::string_view port;
  std::size_t end = authority.find(':');
  if (authority.starts_with('[')) {
    end = authority.find(']');
    if (end == std::string_view::npos) return false;
    url.host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
  } else {
    end = std::min(end, authority.size());
    url.host = authority.substr(0, end);
    port = authority.substr(end);
  }
  if (url.host.empty()) return false;
  if (port.empty()) return true;
  if (!take_prefix(port, ":")) return false;
  const auto [last, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
  return error == std::errc{} && last == port.data() + port.size() && url.port != 0;
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  if (text.size() > kMaxUrlBytes || !std::ranges::all_of(text, is_visible)) {
    return fail(Code::kInvalid, "a URL has at most {} bytes of visible ASCII", kMaxUrlBytes);
  }
  Url url;
  std::string_view rest = text;
  url.is_tls = take_prefix(rest, "https://");
  if (!url.is_tls && !take_prefix(rest, "http://")) {
    return fail(Code::kInvalid, "{}: begins neither with https:// nor with http://", text);
  }
  url.port = url.is_tls ? kHttpsPort : kHttpPort;
  const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  url.authority = rest.substr(0, end);
  url.target = rest.substr(end);
  if (!url.target.starts_with('/')) url.target.insert(0, 1, '/');
  if (rest.find('#') != std::string_view::npos) {
    return fail(Code::kInvalid, "{}: a fragment is never sent", text);
  }
  if (url.authority.find('@') != std::string::npos) {
    return fail(Code::kInvalid, "a URL with a user's name or password is not taken");
  }
  if (!split_authority(url.authority, url)) {
    return fail(Code::kInvalid, "{}: has no host, or a port that is none", text);
  }
  return url;
}

}  // namespace fairlead::net
