#include "net/handshake.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <random>

#include "base/assert.h"
#include "net/tokens.h"

namespace fairlead::net {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kKeyCharacters = 24;
constexpr std::size_t kKeyBytes = 16;

/// Room for base64 of a digest or a key, with OpenSSL's terminating zero.
using Base64 = std::array<unsigned char, 32>;

std::string base64(const unsigned char* bytes, std::size_t length) {
  Base64 encoded{};
  FAIRLEAD_ASSERT(4 * ((length + 2) / 3) < encoded.size());
  const int characters = EVP_EncodeBlock(encoded.data(), bytes, static_cast<int>(length));
  return {encoded.begin(), encoded.begin() + characters};
}

bool is_base64(char character) {
  const char lower = static_cast<char>(character | 0x20);
  return (lower >= 'a' && lower <= 'z') || (character >= '0' && character <= '9') ||
         character == '+' || character == '/';
}

/// 22 characters and `==` are what 16 bytes make.
bool is_key(std::string_view key) {
  return key.size() == kKeyCharacters && key.ends_with("==") &&
         std::ranges::all_of(key.substr(0, kKeyCharacters - 2), is_base64);
}

std::size_t count_headers(const HttpRequest& request, std::string_view name) {
  return static_cast<std::size_t>(
      std::ranges::count(request.headers, name, [](const auto& header) { return header.first; }));
}

Handshake refused(int status, std::string_view detail) {
  Handshake handshake;
  handshake.kind = Handshake::Kind::kRefused;
  handshake.refusal = {.status = status, .detail = std::string(detail)};
  return handshake;
}

}  // namespace

std::string joined_header(const HttpRequest& request, std::string_view name) {
  std::string joined;
  for (const auto& [key, value] : request.headers) {
    if (key != name) continue;
    if (!joined.empty()) joined += ',';
    joined += value;
  }
  return joined;
}

std::string accept_for_key(std::string_view key) {
  std::string text(key);
  text += kGuid;
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  unsigned int length = 0;
  FAIRLEAD_ASSERT(
      EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha1(), nullptr) == 1);
  return base64(digest.data(), digest.size());
}

std::string random_key() {
  std::random_device device;
  std::array<unsigned char, kKeyBytes> bytes{};
  std::ranges::generate(bytes, [&device] { return static_cast<unsigned char>(device() & 0xFF); });
  return base64(bytes.data(), bytes.size());
}

Handshake check_handshake(const HttpRequest& request, bool is_http_11) {
  if (!list_has(joined_header(request, "upgrade"), "websocket")) return {};
  if (request.method != "GET") return refused(400, "a WebSocket handshake is a GET");
  if (!is_http_11) return refused(400, "a WebSocket handshake is HTTP/1.1");
  if (!request.body.empty()) return refused(400, "a WebSocket handshake has no body");
  if (!list_has(joined_header(request, "connection"), "upgrade")) {
    return refused(400, "Connection does not say upgrade");
  }
  if (count_headers(request, "sec-websocket-version") != 1 ||
      request.header("sec-websocket-version") != "13") {
    return refused(426, "only WebSocket version 13 is spoken here");
  }
  const std::string_view key = request.header("sec-websocket-key");
  if (count_headers(request, "sec-websocket-key") != 1 || !is_key(key)) {
    return refused(400, "Sec-WebSocket-Key is not one base64 value of 16 bytes");
  }
  Handshake handshake;
  handshake.kind = Handshake::Kind::kGood;
  const std::string offered = joined_header(request, "sec-websocket-protocol");
  for (const std::string_view protocol : split_list(offered)) {
    if (!is_token(protocol)) return refused(400, "bad Sec-WebSocket-Protocol");
    handshake.protocols.emplace_back(protocol);
  }
  handshake.accept = accept_for_key(key);
  handshake.extensions = joined_header(request, "sec-websocket-extensions");
  return handshake;
}

}  // namespace fairlead::net
