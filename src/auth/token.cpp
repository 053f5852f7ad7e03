#include "auth/token.h"

namespace fairlead::auth {

namespace {

std::unexpected<Refused> refuse_header(Refusal reason, std::string_view message) {
  return refuse(reason, Error{.code = Code::kUnauthenticated, .message = std::string(message)});
}

}  // namespace

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

Verdict<TokenHeader> read_header(JsonReader::Object header) {
  if (!header["crit"].error()) {
    return refuse_header(Refusal::kMalformed, "token needs an extension that is not understood");
  }
  std::string_view name;
  if (header["alg"].get(name) != simdjson::SUCCESS) {
    return refuse_header(Refusal::kMalformed, "token malformed: alg is not a string");
  }
  const auto algorithm = algorithm_named(name);
  if (!algorithm) return refuse_header(Refusal::kAlgorithm, "token's algorithm is not taken");
  TokenHeader read{.algorithm = *algorithm, .kid = std::nullopt};
  simdjson::dom::element kid;
  if (header["kid"].get(kid) == simdjson::SUCCESS) {
    std::string_view text;
    if (kid.get(text) != simdjson::SUCCESS) {
      return refuse_header(Refusal::kMalformed, "token malformed: kid is not a string");
    }
    read.kid = std::string(text);
  }
  return read;
}

}  // namespace fairlead::auth
