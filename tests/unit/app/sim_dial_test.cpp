#include <doctest/doctest.h>

#include <string>

#include "app/sim/dial.h"

using namespace fairlead::app::sim;

namespace {

constexpr const char* kKey = "dGhlIHNhbXBsZSBub25jZQ==";
// RFC 6455, 1.3.
constexpr const char* kGood =
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nConnection: Upgrade\r\n"
    "SEC-WebSocket-Accept:  s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \r\n"
    "Sec-WebSocket-Protocol: fairlead.v1.json\r\n\r\n";

}  // namespace

TEST_CASE("a URL is taken apart, with what it leaves out") {
  const auto whole = Url::parse("ws://hub.example:8081/v1/ws");
  REQUIRE(whole.has_value());
  CHECK(whole->host == "hub.example");
  CHECK(whole->port == "8081");
  CHECK(whole->path == "/v1/ws");
  CHECK(whole->authority() == "hub.example:8081");
  const auto bare = Url::parse("ws://hub");
  REQUIRE(bare.has_value());
  CHECK(bare->port == "80");
  CHECK(bare->path == "/v1/ws");
  const auto v6 = Url::parse("ws://[::1]:9000/x?y=1");
  REQUIRE(v6.has_value());
  CHECK(v6->host == "::1");
  CHECK(v6->authority() == "[::1]:9000");
  CHECK(v6->path == "/x?y=1");
  CHECK_FALSE(v6->is_tls);
  const auto secure = Url::parse("wss://hub");
  REQUIRE(secure.has_value());
  CHECK(secure->is_tls);
  CHECK(secure->port == "443");
}

TEST_CASE("what is no ws URL is refused and quoted") {
  for (const char* text : {"", "http://hub", "wss://", "ws://", "ws://:80", "ws://hub:0",
                           "ws://hub:65536", "ws://hub:http"}) {
    CAPTURE(text);
    const auto url = Url::parse(text);
    REQUIRE_FALSE(url.has_value());
    CHECK(url.error().message.starts_with("--url " + std::string(text)));
  }
}

TEST_CASE("an answer upgrades only with the right key and subprotocol") {
  CHECK(check_answer(kGood, "", kKey).has_value());
  CHECK_FALSE(check_answer(kGood, "", "AAAAAAAAAAAAAAAAAAAAAA==").has_value());
  CHECK_FALSE(check_answer("HTTP/1.1 101 Switching Protocols\r\n"
                           "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
                           "", kKey)
                  .has_value());
  CHECK_FALSE(check_answer("SSH-2.0-OpenSSH\r\n\r\n", "", kKey).has_value());
}

TEST_CASE("a refusal carries its status, its text and when to come back") {
  const auto refused = check_answer("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\n\r\n",
                                    R"({"code":"overloaded"})", kKey);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().status == 503);
  CHECK(refused.error().retry_after_ms == 7000);
  CHECK(refused.error().message == R"(the handshake was refused with 503: {"code":"overloaded"})");
}
