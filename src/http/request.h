#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/principal.h"
#include "base/result.h"
#include "net/exchange.h"

namespace fairlead::http {

/// `%41` to `A` (RFC 3986, 2.1); nullopt for a bad escape. `+` stays what it is.
std::optional<std::string> percent_decode(std::string_view text);

/// The parameters behind the `?`, decoded; the first of a name counts.
class Query {
 public:
  static Result<Query> parse(std::string_view text);

  std::optional<std::string_view> find(std::string_view name) const;
  /// A whole number within bounds; `fallback` when it is not there.
  Result<std::int64_t> number(std::string_view name, std::int64_t fallback, std::int64_t least,
                              std::int64_t most) const;
  Result<std::optional<bool>> boolean(std::string_view name) const;
  /// 1 to 1000, by default 100.
  Result<std::size_t> limit() const;

 private:
  std::vector<std::pair<std::string, std::string>> parameters_;
};

/// One request of somebody known, on its way to its handler.
struct Request {
  auth::Principal who;
  /// What stood for `{}` in the route's pattern, decoded, in order.
  std::vector<std::string> names;
  Query query;
  net::HttpRequest http;
  std::unique_ptr<net::Exchange> exchange;
};

// Answers.
using Headers = std::vector<std::pair<std::string, std::string>>;
void respond_json(net::Exchange& exchange, int status, std::string body);
/// The error as a problem document (RFC 9457), with Retry-After where it says when.
void respond_error(net::Exchange& exchange, const Error& error, Headers more = {});

/// An opaque cursor of some fields, and back; nullopt for what never was one of `count` fields.
std::string make_cursor(const std::vector<std::string>& fields);
std::optional<std::vector<std::string>> read_cursor(std::string_view cursor, std::size_t count);
/// The one field of a list's `cursor` parameter; empty when there is none.
Result<std::string> name_cursor(const Query& query);
/// A field of a cursor that is a number.
std::optional<std::int64_t> cursor_number(std::string_view field);

/// The same request with another cursor, for `Link` (RFC 8288).
std::string next_link(const net::HttpRequest& request, const std::string& cursor);

/// `{"items":[…],"next_cursor":…}`.
std::string page_json(const std::vector<std::string>& items,
                      const std::optional<std::string>& next_cursor);

}  // namespace fairlead::http
