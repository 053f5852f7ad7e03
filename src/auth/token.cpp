#include "auth/token.h"

namespace fairlead::auth {

Result<TokenParts> split_token(std::string_view text) {
  if (text.size() > kMaxTokenBytes) {
    return fail(Code::kUnauthenticated, "token over {} bytes", kMaxTokenBytes);
  }
  const std::size_t first = text.find('.');
  const std::size_t last = text.rfind('.');
  if (first == std::string_view::npos || first == last || text.find('.', first + 1) != last) {
    return fail(Code::kUnauthenticated, "token malformed: it has three parts");
  }
  const TokenParts parts{.header = text.substr(0, first),
                         .claims = text.substr(first + 1, last - first - 1),
                         .signature = text.substr(last + 1),
                         .signed_text = text.substr(0, last)};
  if (parts.header.empty() || parts.claims.empty() || parts.signature.empty()) {
    return fail(Code::kUnauthenticated, "token malformed: a part is empty");
  }
  return parts;
}

Result<TokenHeader> read_header(JsonReader::Object header) {
  if (!header["crit"].error()) {
    return fail(Code::kUnauthenticated, "token needs an extension that is not understood");
  }
  std::string_view name;
  if (header["alg"].get(name) != simdjson::SUCCESS) {
    return fail(Code::kUnauthenticated, "token malformed: alg is not a string");
  }
  const auto algorithm = algorithm_named(name);
  if (!algorithm) return fail(Code::kUnauthenticated, "token's algorithm is not taken");
  TokenHeader read{.algorithm = *algorithm, .kid = std::nullopt};
  simdjson::dom::element kid;
  if (header["kid"].get(kid) == simdjson::SUCCESS) {
    std::string_view text;
    if (kid.get(text) != simdjson::SUCCESS) {
      return fail(Code::kUnauthenticated, "token malformed: kid is not a string");
    }
    read.kid = std::string(text);
  }
  return read;
}

}  // namespace fairlead::auth
