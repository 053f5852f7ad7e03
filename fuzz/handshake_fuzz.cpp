// The opening handshake: header lines as a stranger writes them, behind a good request line or
// instead of one. What must hold: no crash; a handshake that is taken has what RFC 6455, 4.2.1
// demands; an agreement on permessage-deflate is one that a client may accept (RFC 7692, 5.1).
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "net/deflate.h"
#include "net/handshake.h"
#include "net/http_reader.h"
#include "net/tokens.h"

namespace {

using namespace fairlead::net;

constexpr std::string_view kOpening = "GET /ws HTTP/1.1\r\nHost: h\r\n";

DeflateOptions options_of(unsigned choices) {
  return {.server_no_context_takeover = (choices & 1U) != 0,
          .client_no_context_takeover = (choices & 2U) != 0};
}

void check_good(const HttpRequest& request, const Handshake& handshake) {
  FAIRLEAD_ASSERT(request.method == "GET");
  FAIRLEAD_ASSERT(request.header("sec-websocket-version") == "13");
  FAIRLEAD_ASSERT(list_has(joined_header(request, "upgrade"), "websocket"));
  FAIRLEAD_ASSERT(list_has(joined_header(request, "connection"), "upgrade"));
  const std::string key(request.header("sec-websocket-key"));
  FAIRLEAD_ASSERT(key.size() == 24);
  std::array<unsigned char, 18> decoded{};
  const auto* encoded = reinterpret_cast<const unsigned char*>(key.data());
  FAIRLEAD_ASSERT(EVP_DecodeBlock(decoded.data(), encoded, static_cast<int>(key.size())) == 18);
  FAIRLEAD_ASSERT(handshake.accept == accept_for_key(key));
  FAIRLEAD_ASSERT(std::ranges::all_of(handshake.protocols, is_token));
}

/// Our answer, read as an offer, agrees to itself: it has no parameter twice, none unknown and none
/// out of range.
void check_agreement(std::string_view offers, const DeflateOptions& options) {
  const std::optional<DeflateAgreement> agreed = negotiate_deflate(offers, options);
  if (!agreed) return;
  FAIRLEAD_ASSERT(agreed->server_max_window_bits >= 8 && agreed->server_max_window_bits <= 15);
  FAIRLEAD_ASSERT(agreed->server_no_context_takeover || !options.server_no_context_takeover);
  FAIRLEAD_ASSERT(agreed->client_no_context_takeover || !options.client_no_context_takeover);
  // RFC 7692, 7.1.2.1 and 7.1.2.2: windows are limited only where the client names them.
  const auto names = [](std::string_view text, std::string_view parameter) {
    return text.find(parameter) != std::string_view::npos;
  };
  FAIRLEAD_ASSERT(!names(agreed->header, "server_max_window_bits") ||
                  names(offers, "server_max_window_bits"));
  FAIRLEAD_ASSERT(!names(agreed->header, "client_max_window_bits") ||
                  names(offers, "client_max_window_bits"));
  FAIRLEAD_ASSERT(agreed->header.find_first_of("\r\n,") == std::string::npos);
  const std::optional<DeflateAgreement> again = negotiate_deflate(agreed->header, options);
  FAIRLEAD_ASSERT(again.has_value() && again->header == agreed->header);
  FAIRLEAD_ASSERT(again->server_max_window_bits == agreed->server_max_window_bits);
}

void check_request(const HttpRequest& request, bool is_http_11, unsigned choices) {
  const Handshake handshake = check_handshake(request, is_http_11);
  switch (handshake.kind) {
    case Handshake::Kind::kNone:
      break;
    case Handshake::Kind::kRefused:
      FAIRLEAD_ASSERT(handshake.refusal.status == 400 || handshake.refusal.status == 426);
      FAIRLEAD_ASSERT(!handshake.refusal.detail.empty());
      break;
    case Handshake::Kind::kGood:
      FAIRLEAD_ASSERT(is_http_11);
      check_good(request, handshake);
      check_agreement(handshake.extensions, options_of(choices));
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const unsigned choices = data[0];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  check_agreement(bytes, options_of(choices));
  std::string head((choices & 4U) != 0 ? std::string_view{} : kOpening);
  head.append(bytes).append("\r\n\r\n");
  static const HttpLimits limits;
  HttpReader reader(limits);
  std::string_view input = head;
  while (!input.empty()) {
    const HttpReader::Progress progress = reader.read(input);
    if (progress == HttpReader::Progress::kRefused) break;
    if (progress != HttpReader::Progress::kRequest) continue;
    const HttpRequest request = reader.take_request();
    check_request(request, reader.facts().is_http_11, choices);
  }
  return 0;
}
