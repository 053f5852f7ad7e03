#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <string_view>

#include "support/failure.h"
#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

const std::string kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};
const std::string kBinaryHeader =
    kSignature + std::string("\x21\x11\x00\x0c", 4) +
    std::string("\xCB\x00\x71\x09\x0A\x00\x00\x01\x12\x67\x01\xBB", 12);
constexpr std::string_view kLineHeader = "PROXY TCP4 203.0.113.9 10.0.0.1 4711 443\r\n";

WsOptions as_device(const HubProcess& hub, std::string_view id) {
  return {.token = hub.sign(Token::device(id)), .tls = hub.tls()};
}

/// The address that the hub tells of the device's connection.
std::string remote_of(const HttpClient& http, std::string_view device) {
  for (const Json& connection : http.list("/v1/connections")) {
    if (connection["subject"] == device) return connection["remote"].as_string();
  }
  return "not connected";
}

}  // namespace

TEST_CASE("a connection through a proxy has its client's address, also in the log") {
  const HubProcess hub(
      {.settings = {"http.trusted_proxies=127.0.0.0/8", "http.proxy_protocol=true"}});
  WsOptions options = as_device(hub, "by-line");
  options.preamble = kLineHeader;
  WsClient by_line(hub.port(), options);
  by_line.expect("welcome");
  options = as_device(hub, "by-bytes");
  options.preamble = kBinaryHeader;
  WsClient by_bytes(hub.port(), options);
  by_bytes.expect("welcome");
  // HTTP comes through the proxy too.
  const auto listed = [&](std::string_view path) {
    HttpConnection connection(hub.port());
    connection.send(fmt::format("{}GET {} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {}\r\n\r\n",
                                "PROXY UNKNOWN\r\n", path,
                                hub.sign(Token::client("c").may_do_all())));
    return connection.receive().json()["items"].items();
  };
  const auto connections = listed("/v1/connections");
  CHECK(connections.size() == 2);
  for (const Json& connection : connections) CHECK(connection["remote"] == "203.0.113.9:4711");
  by_line.close();
  CHECK(eventually([&] {
    const auto log = listed("/v1/connection-logs");
    return log.size() == 1 && log.front()["remote"] == "203.0.113.9:4711";
  }));
}

TEST_CASE("a PROXY header stands before TLS, and a connection without one is cut off") {
  const HubProcess hub({.settings = {"http.trusted_proxies=127.0.0.1", "http.proxy_protocol=true"},
                        .with_tls = true});
  WsOptions options = as_device(hub, "boiler");
  options.preamble = kBinaryHeader;
  WsClient device(hub.port(), options);
  device.expect("welcome");
  CHECK_THROWS_AS(HttpConnection(hub.port(), hub.tls()), Disconnected);
  WsOptions client = {.token = hub.sign(Token::client("c").may_do_all()), .tls = hub.tls()};
  client.preamble = kLineHeader;
  WsClient watching(hub.port(), client);
  watching.expect("welcome");
  device.close();
}

TEST_CASE("X-Forwarded-For of a trusted proxy is believed") {
  const HubProcess hub({.settings = {"http.trusted_proxies=127.0.0.1,10.0.0.0/8"}});
  WsOptions options = as_device(hub, "boiler");
  options.headers = {"X-Forwarded-For: 198.51.100.1, 203.0.113.9, 10.0.0.7"};
  WsClient device(hub.port(), options);
  device.expect("welcome");
  CHECK(remote_of(hub.http(), "boiler") == "203.0.113.9:0");
}

TEST_CASE("X-Forwarded-For of anybody else is not") {
  const HubProcess hub({.settings = {"http.trusted_proxies=10.0.0.0/8"}});
  WsOptions options = as_device(hub, "boiler");
  options.headers = {"X-Forwarded-For: 203.0.113.9"};
  WsClient device(hub.port(), options);
  device.expect("welcome");
  CHECK(remote_of(hub.http(), "boiler").starts_with("127.0.0.1:"));
}

TEST_CASE("behind a proxy that ends TLS a page from https is of the same origin") {
  const HubProcess hub({.settings = {"http.trusted_proxies=127.0.0.1"}});
  const auto status = [&](std::vector<std::string> more) {
    more.push_back(fmt::format("Origin: https://127.0.0.1:{}", hub.port()));
    return hub.anonymous().get("/healthz", more).status;
  };
  CHECK(status({}) == 403);
  CHECK(status({"X-Forwarded-Proto: https"}) == 200);
}

TEST_CASE("wrong settings of proxies are refused by their key") {
  const TempDir dir;
  dir.write("secret", kSecret);
  const auto refused = [&](const std::string& setting) {
    const Finished finished = run_fairlead({"config", "--set", setting});
    CHECK(finished.code != 0);
    return finished.err;
  };
  CHECK(refused("http.trusted_proxies=10.0.0.0/8,example.org")
            .find("http.trusted_proxies: example.org is no address") != std::string::npos);
  CHECK(refused("http.proxy_protocol=true").find("http.proxy_protocol: needs") !=
        std::string::npos);
}
