#include "store/url.h"

#include <algorithm>
#include <utility>

#include "store/postgres/connection.h"

namespace fairlead::store {
namespace {

constexpr std::string_view kMask = "***";

/// The values of `password` and `sslpassword` between '&'s.
std::string masked_parameters(std::string_view text) {
  std::string masked;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view parameter = text.substr(0, end);
    const std::size_t equals = parameter.find('=');
    if (equals != std::string_view::npos && parameter.substr(0, equals).ends_with("password")) {
      masked.append(parameter.substr(0, equals + 1)).append(kMask);
    } else {
      masked.append(parameter);
    }
    text.remove_prefix(end);
    if (text.empty()) break;
    masked += '&';
    text.remove_prefix(1);
  }
  return masked;
}

}  // namespace

Result<Kind> kind_of_url(const std::string& url) {
  if (url.empty()) return Kind::kSqlite;
  const std::size_t colon = url.find("://");
  const std::string scheme = colon == std::string::npos ? "" : url.substr(0, colon);
  if (scheme == "postgresql" || scheme == "postgres") {
    if (auto checked = postgres::check_url(url); !checked) {
      return std::unexpected(std::move(checked.error()));
    }
    return Kind::kPostgres;
  }
  return fail(Code::kInvalid,
              "store.url: unknown store{}{}; it is postgresql://… or empty, for SQLite in "
              "store.data",
              scheme.empty() ? "" : " ", scheme);
}

std::string masked_url(std::string_view url) {
  const std::size_t colon = url.find("://");
  if (colon == std::string_view::npos) return url.empty() ? "" : std::string(kMask);
  const std::size_t begin = colon + 3;
  std::string masked(url.substr(0, begin));
  std::string_view rest = url.substr(begin);
  // A password may hold any character but the last '@'.
  const std::size_t at = rest.rfind('@');
  const std::size_t secret = rest.find(':');
  if (at != std::string_view::npos && secret < at) {
    masked.append(rest.substr(0, secret + 1)).append(kMask);
    rest.remove_prefix(at);
  }
  const std::size_t question = std::min(rest.find('?'), rest.size());
  masked.append(rest.substr(0, question));
  if (question == rest.size()) return masked;
  return masked.append("?").append(masked_parameters(rest.substr(question + 1)));
}

}  // namespace fairlead::store
