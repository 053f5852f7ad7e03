#include "net/handshake.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

using namespace fairlead::net;

namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

HttpRequest a_handshake() {
  HttpRequest request;
  request.method = "GET";
  request.path = "/v1/ws";
  request.headers = {{"host", "h"},
                     {"upgrade", "websocket"},
                     {"connection", "Upgrade"},
                     {"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="},
                     {"sec-websocket-version", "13"}};
  return request;
}

HttpRequest with(std::string name, std::string value) {
  HttpRequest request = a_handshake();
  for (auto& header : request.headers) {
    if (header.first == name) header.second = value;
  }
  return request;
}

HttpRequest without(std::string_view name) {
  HttpRequest request = a_handshake();
  std::erase_if(request.headers, [name](const auto& header) { return header.first == name; });
  return request;
}

int refusal_of(const HttpRequest& request, bool is_http_11 = true) {
  const Handshake handshake = check_handshake(request, is_http_11);
  return handshake.kind == Handshake::Kind::kRefused ? handshake.refusal.status : 0;
}

}  // namespace

TEST_CASE("the sample nonce of RFC 6455, 1.3 is accepted as written there") {
  const Handshake handshake = check_handshake(a_handshake(), true);
  CHECK(handshake.kind == Handshake::Kind::kGood);
  CHECK(handshake.accept == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST_CASE("what does not ask for a WebSocket is an ordinary request") {
  CHECK(check_handshake(without("upgrade"), true).kind == Handshake::Kind::kNone);
  CHECK(check_handshake(with("upgrade", "h2c"), true).kind == Handshake::Kind::kNone);
}

TEST_CASE("tokens are found in lists and in any case") {
  CHECK(refusal_of(with("upgrade", "h2c, WebSocket")) == 0);
  CHECK(refusal_of(with("connection", "keep-alive, UPGRADE")) == 0);
  HttpRequest two = a_handshake();
  two.headers.insert(two.headers.begin(), {"connection", "keep-alive"});
  CHECK(check_handshake(two, true).kind == Handshake::Kind::kGood);
}

TEST_CASE("a malformed handshake is refused") {
  HttpRequest post = a_handshake();
  post.method = "POST";
  CHECK(refusal_of(post) == 400);
  CHECK(refusal_of(a_handshake(), false) == 400);
  HttpRequest body = a_handshake();
  body.body = "x";
  CHECK(refusal_of(body) == 400);
  CHECK(refusal_of(without("connection")) == 400);
  CHECK(refusal_of(with("connection", "close")) == 400);
  CHECK(refusal_of(without("sec-websocket-key")) == 400);
  CHECK(refusal_of(with("sec-websocket-key", "")) == 400);
  CHECK(refusal_of(with("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ")) == 400);
  CHECK(refusal_of(with("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZSEh")) == 400);
  CHECK(refusal_of(with("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZ!==")) == 400);
  HttpRequest twice = a_handshake();
  twice.headers.emplace_back("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
  CHECK(refusal_of(twice) == 400);
}

TEST_CASE("a version other than 13 is 426") {
  CHECK(refusal_of(with("sec-websocket-version", "8")) == 426);
  CHECK(refusal_of(with("sec-websocket-version", "013")) == 426);
  CHECK(refusal_of(without("sec-websocket-version")) == 426);
}

TEST_CASE("offered subprotocols are kept in order, across headers") {
  HttpRequest request = a_handshake();
  request.headers.emplace_back("sec-websocket-protocol", "fairlead.v1.json,  b");
  request.headers.emplace_back("sec-websocket-protocol", "fairlead.bearer.a.b-c_d");
  const Handshake handshake = check_handshake(request, true);
  CHECK(handshake.protocols ==
        std::vector<std::string>{"fairlead.v1.json", "b", "fairlead.bearer.a.b-c_d"});
  request.headers.back().second = "not a token";
  CHECK(refusal_of(request) == 400);
}

TEST_CASE("a client's key is the base64 of 16 bytes, new each time") {
  const std::string key = random_key();
  CHECK(refusal_of(with("sec-websocket-key", key)) == 0);
  CHECK(random_key() != key);
}
