// Everything that HTTP/1.1 input reaches before a handler: the reader, the handshake's check, the
// negotiation of extensions and the writer. What must hold: no crash, requests within their bounds,
// and the same requests however the bytes are cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "net/deflate.h"
#include "net/handshake.h"
#include "net/http_reader.h"
#include "net/http_writer.h"

namespace {

using namespace fairlead::net;

HttpLimits small_limits() {
  HttpLimits limits;
  limits.max_target_bytes = 200;
  limits.max_header_bytes = 1000;
  limits.max_header_lines = 20;
  limits.max_body_bytes = 500;
  return limits;
}

void check(const HttpRequest& request, const HeadFacts& facts, const HttpLimits& limits) {
  FAIRLEAD_ASSERT(request.path.starts_with('/'));
  FAIRLEAD_ASSERT(request.body.size() <= limits.max_body_bytes);
  // A request in absolute form has a Host that stood on no line.
  FAIRLEAD_ASSERT(request.headers.size() <= limits.max_header_lines + 1);
  for (const auto& [name, value] : request.headers) {
    FAIRLEAD_ASSERT(name.find_first_of("\r\n: ") == std::string::npos);
    FAIRLEAD_ASSERT(value.find_first_of("\r\n") == std::string::npos);
  }
  const Handshake handshake = check_handshake(request, facts.is_http_11);
  static_cast<void>(negotiate_deflate(handshake.extensions, {}));
  const HttpResponse echo{.status = 200, .headers = request.headers, .body = request.body};
  const ResponseFraming framing{.is_http_11 = facts.is_http_11, .keeps_alive = facts.keeps_alive};
  FAIRLEAD_ASSERT(write_head(echo, framing, "now").ends_with("\r\n\r\n"));
}

/// What was read, written so that two runs can be compared.
std::string run(std::string_view bytes, std::size_t piece) {
  static const HttpLimits limits = small_limits();
  HttpReader reader(limits);
  std::string found;
  std::string left;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    left.append(bytes.substr(at, piece));
    std::string_view input = left;
    for (bool goes_on = true; goes_on;) {
      const HttpReader::Progress progress = reader.read(input);
      goes_on =
          progress == HttpReader::Progress::kContinue || progress == HttpReader::Progress::kRequest;
      if (progress == HttpReader::Progress::kRefused) {
        FAIRLEAD_ASSERT(!reader.refusal().detail.empty());
        static_cast<void>(problem_response(reader.refusal()));
        return found + std::to_string(reader.refusal().status);
      }
      if (progress == HttpReader::Progress::kContinue) found += "continue;";
      if (progress != HttpReader::Progress::kRequest) continue;
      const HttpRequest request = reader.take_request();
      check(request, reader.facts(), limits);
      found += request.method + request.path + "?" + request.query + request.body + ";";
    }
    left = std::string(input);
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  // The first octet chooses the size of the pieces.
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = run(bytes, std::max<std::size_t>(bytes.size(), 1));
  FAIRLEAD_ASSERT(run(bytes, 1U + data[0]) == whole);
  return 0;
}
