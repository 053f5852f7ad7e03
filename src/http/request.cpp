#include "http/request.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "auth/base64url.h"
#include "protocol/codes.h"
#include "protocol/events.h"
#include "protocol/json_writer.h"

namespace fairlead::http {
namespace {

constexpr std::int64_t kDefaultLimit = 100;
constexpr std::int64_t kMaxLimit = 1000;

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const auto high = hex_digit(text[i + 1]);
    const auto low = hex_digit(text[i + 2]);
    if (!high || !low) return std::nullopt;
    decoded.push_back(static_cast<char>(*high * 16 + *low));
    i += 2;
  }
  return decoded;
}

Result<Query> Query::parse(std::string_view text) {
  Query query;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = percent_decode(pair.substr(0, equals));
    auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())));
    if (!name || !value) return invalid_field("query", "has a bad percent escape");
    if (!name->empty()) query.parameters_.emplace_back(std::move(*name), std::move(*value));
  }
  return query;
}

std::optional<std::string_view> Query::find(std::string_view name) const {
  for (const auto& [key, value] : parameters_) {
    if (key == name) return value;
  }
  return std::nullopt;
}

Result<std::int64_t> Query::number(std::string_view name, std::int64_t fallback, std::int64_t least,
                                   std::int64_t most) const {
  const auto text = find(name);
  if (!text) return fallback;
  const auto value = whole_number(*text);
  if (!value || *value < least || *value > most) {
    return invalid_field(std::string(name),
                         fmt::format("must be a whole number from {} to {}", least, most));
  }
  return *value;
}

Result<std::optional<bool>> Query::boolean(std::string_view name) const {
  const auto text = find(name);
  if (!text) return std::nullopt;
  if (*text == "true") return true;
  if (*text == "false") return false;
  return invalid_field(std::string(name), "must be true or false");
}

Result<std::size_t> Query::limit() const {
  const auto limit = number("limit", kDefaultLimit, 1, kMaxLimit);
  if (!limit) return std::unexpected(limit.error());
  return static_cast<std::size_t>(*limit);
}

void respond_json(net::Exchange& exchange, int status, std::string body) {
  exchange.respond(
      {.status = status,
       .headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}},
       .body = std::move(body)});
}

void respond_error(net::Exchange& exchange, const Error& error, Headers more) {
  Headers headers = {{"Content-Type", "application/problem+json"}, {"Cache-Control", "no-store"}};
  if (error.retry_after_ms > 0) {
    headers.emplace_back("Retry-After", std::to_string((error.retry_after_ms + 999) / 1000));
  }
  for (auto& header : more) headers.push_back(std::move(header));
  exchange.respond({.status = protocol::http_status(error.code),
                    .headers = std::move(headers),
                    .body = protocol::problem_json(error)});
}

std::string make_cursor(const std::vector<std::string>& fields) {
  std::string text;
  for (const std::string& field : fields) text.append(field).push_back('\0');
  return auth::encode_base64url(text);
}

std::optional<std::vector<std::string>> read_cursor(std::string_view cursor, std::size_t count) {
  auto decoded = auth::decode_base64url(cursor);
  if (!decoded) return std::nullopt;
  std::vector<std::string> fields;
  std::string_view text = *decoded;
  while (!text.empty()) {
    const std::size_t end = text.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    fields.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  if (fields.size() != count) return std::nullopt;
  return fields;
}

Result<std::string> name_cursor(const Query& query) {
  const auto cursor = query.find("cursor");
  if (!cursor) return std::string();
  auto fields = read_cursor(*cursor, 1);
  if (!fields) return invalid_field("cursor", "is none that this list gave");
  return std::move((*fields)[0]);
}

std::optional<std::int64_t> cursor_number(std::string_view field) { return whole_number(field); }

std::string next_link(const net::HttpRequest& request, const std::string& cursor) {
  std::string query;
  std::string_view rest = request.query;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view parameter = rest.substr(0, end);
    const auto name = percent_decode(parameter.substr(0, parameter.find('=')));
    if (name != "cursor" && !parameter.empty()) {
      query.append(parameter).push_back('&');
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return fmt::format("<{}?{}cursor={}>; rel=next", request.path, query, cursor);
}

std::string page_json(const std::vector<std::string>& items,
                      const std::optional<std::string>& next_cursor) {
  std::string body;
  protocol::JsonWriter json(body);
  json.begin_object().key("items").begin_array();
  for (const std::string& item : items) json.raw(item);
  json.end_array().member("next_cursor", next_cursor).end_object();
  return body;
}

}  // namespace fairlead::http
