#pragma once

#include <simdjson.h>

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace fairlead::auth {

/// Strict JSON objects for what decides about trust: a doubled member, also a nested one, is
/// refused (RFC 8725, 2.4), and so is nesting over 32. Keeps its memory from one call to the next;
/// what a call returned ends with the next one. Not thread-safe.
class JsonReader {
 public:
  using Object = simdjson::dom::object;
  /// Why not, in words that follow "the header" or "the key set".
  using Reason = std::string_view;

  JsonReader();

  std::expected<Object, Reason> read(std::string_view text);
  /// The same of `text` in base64url.
  std::expected<Object, Reason> read_base64url(std::string_view text);

 private:
  /// Room for `bytes`, and behind it what simdjson may read beyond the end.
  char* room_for(std::size_t bytes);
  std::expected<Object, Reason> parse(std::size_t bytes);
  bool has_doubled_member(simdjson::dom::element element);
  bool has_doubled_member(simdjson::dom::object object);

  simdjson::dom::parser parser_;
  std::string buffer_;
  /// The names of the objects that are being looked at, innermost last.
  std::vector<std::string_view> names_;
};

}  // namespace fairlead::auth
