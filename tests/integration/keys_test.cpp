#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <atomic>
#include <thread>
#include <vector>

#include "support/hub_process.h"
#include "support/issuer_key.h"
#include "support/key_server.h"

using namespace fairlead::support;

namespace {

int status_of(const HubProcess& hub, const std::string& token) {
  return upgrade(hub.port(), {.token = token}).status;
}

/// The same, come back as often as the hub asks for it: on a busy machine a fetch may take longer
/// than a token is let wait.
int final_status_of(const HubProcess& hub, const std::string& token) {
  int status = 503;
  CHECK(eventually([&] { return (status = status_of(hub, token)) != 503; }));
  return status;
}

/// What a hub needs to take the keys of the server, with short times.
HubOptions options_for(const KeyServer& server, std::vector<std::string> more = {}) {
  std::vector<std::string> settings = {"auth.jwks_url=" + server.url(), "auth.jwks_cooldown_ms=100",
                                       "auth.jwks_refresh_s=3600"};
  for (std::string& setting : more) settings.push_back(std::move(setting));
  return {.settings = std::move(settings)};
}

/// The value of a metric, labels included in its name.
double metric(const HubProcess& hub, std::string_view name) {
  const std::string text = hub.anonymous().get("/metrics").body;
  const std::size_t at = text.find("\n" + std::string(name) + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
}

bool is_ready(const HubProcess& hub) { return hub.anonymous().get("/readyz").status == 200; }

const Token kPanel = Token::client("panel").may_do_all();

}  // namespace

TEST_CASE("a public key from a PEM file counts beside the secret, each with its own algorithm") {
  const IssuerKey key("");
  const TempDir dir;
  const auto pem = dir.write("issuer.pem", key.pem(), 0644);
  const HubProcess hub({.settings = {"auth.public_key_files=" + pem.string() + ":EdDSA"}});
  CHECK(status_of(hub, key.sign(kPanel)) == 101);
  CHECK(status_of(hub, hub.sign(kPanel)) == 101);
  CHECK(status_of(hub, IssuerKey("").sign(kPanel)) == 401);
  // The public key's text as a secret.
  CHECK(status_of(hub, kPanel.sign(key.pem())) == 401);
}

TEST_CASE("on SIGHUP files are read anew: new keys count, dropped ones do not, connections stay") {
  const IssuerKey before("before");
  const IssuerKey after("after");
  const TempDir dir;
  const auto file = dir.write("keys.json", jwks_of(before));
  HubProcess hub({.settings = {"auth.jwks_file=" + file.string(), "runtime.shards=2"}});
  WsClient client(hub.port(), {.token = before.sign(kPanel)});
  client.expect("welcome");
  CHECK(status_of(hub, after.sign(kPanel)) == 401);
  dir.write("keys.json", jwks_of(after));
  hub.process().signal(SIGHUP);
  CHECK(eventually([&] { return status_of(hub, after.sign(kPanel)) == 101; }));
  CHECK(eventually([&] { return status_of(hub, before.sign(kPanel)) == 401; }));
  client.expect_nothing();
  // What cannot be read leaves the keys as they were.
  dir.write("keys.json", "{\"keys\":[");
  hub.process().signal(SIGHUP);
  CHECK(eventually(
      [&] { return hub.process().errors().find("stay as they were") != std::string::npos; }));
  CHECK(status_of(hub, after.sign(kPanel)) == 101);
}

TEST_CASE("a new secret takes the place of the old one on SIGHUP") {
  HubProcess hub;
  const std::string_view fresh = "another secret of the tests, as long as it must be";
  const std::string old_token = hub.sign(kPanel);
  std::filesystem::remove(hub.secret_file());
  const TempDir dir;
  std::filesystem::copy_file(dir.write("secret", fresh), hub.secret_file());
  hub.process().signal(SIGHUP);
  CHECK(eventually([&] { return status_of(hub, kPanel.sign(fresh)) == 101; }));
  CHECK(eventually([&] { return status_of(hub, old_token) == 401; }));
}

TEST_CASE("keys come from a URL, over http and https, whole or in chunks") {
  for (const auto tls : {KeyServer::Tls::kNo, KeyServer::Tls::kForLocalhost}) {
    for (const auto serving : {Serving::kKeys, Serving::kKeysInChunks}) {
      const IssuerKey key("one");
      KeyServer server(jwks_of(key), tls);
      server.set(serving);
      std::vector<std::string> more;
      if (tls != KeyServer::Tls::kNo) more.push_back("auth.jwks_ca_file=" + server.ca_file());
      const HubProcess hub(options_for(server, more));
      // The first token may come before the first answer: it waits for it.
      CHECK(final_status_of(hub, key.sign(kPanel)) == 101);
      CHECK(hub.http(kPanel).get("/v1/devices").status == 200);
      CHECK(status_of(hub, IssuerKey("one").sign(kPanel)) == 401);
      CHECK(server.last_request().starts_with("GET /keys HTTP/1.1\r\n"));
      CHECK(is_ready(hub));
      CHECK(metric(hub, "fairlead_jwks_keys") == 1);
    }
  }
}

TEST_CASE("a certificate that is not trusted, or for another host, brings no key") {
  const IssuerKey key("one");
  const auto is_refused = [&key](const KeyServer& server, const std::vector<std::string>& more) {
    HubProcess hub(options_for(server, more));
    CHECK(status_of(hub, key.sign(kPanel)) == 503);
    const HttpResponse ready = hub.anonymous().get("/readyz");
    CHECK(ready.status == 503);
    CHECK(ready.body.find("keys") != std::string::npos);
    CHECK(server.requests() == 0);
    return hub.process().errors();
  };
  const KeyServer untrusted(jwks_of(key), KeyServer::Tls::kForLocalhost);
  CHECK(is_refused(untrusted, {}).find("self-signed") != std::string::npos);
  const KeyServer another(jwks_of(key), KeyServer::Tls::kForAnotherHost);
  CHECK(is_refused(another, {"auth.jwks_ca_file=" + another.ca_file()}).find("hostname mismatch") !=
        std::string::npos);
}

TEST_CASE("an unknown kid makes the hub look for it, and whoever has it connects at once") {
  const IssuerKey before("before");
  const IssuerKey after("after");
  KeyServer server(jwks_of(before));
  const HubProcess hub(options_for(server));
  REQUIRE(final_status_of(hub, before.sign(kPanel)) == 101);
  server.set_keys(jwks_of(before, after));
  SUBCASE("at the handshake") { CHECK(final_status_of(hub, after.sign(kPanel)) == 101); }
  SUBCASE("over HTTP") {
    const HttpClient http(hub.port(), after.sign(kPanel));
    CHECK(eventually([&] { return http.get("/v1/devices").status == 200; }));
  }
  SUBCASE("in a first message, with what was sent behind it") {
    WsClient client(hub.port(), {});
    client.send(obj("type", "auth", "id", 1, "token", after.sign(kPanel)));
    client.send(obj("type", "heartbeat", "id", 2));
    client.expect("welcome");
    CHECK(client.expect("ack")["id"] == 1);
    CHECK(client.expect("heartbeat")["id"] == 2);
  }
  SUBCASE("in a refresh") {
    WsClient client(hub.port(), {.token = before.sign(Token::client("panel"))});
    client.expect("welcome");
    client.send(obj("type", "auth", "id", 1, "token", after.sign(kPanel)));
    client.send(obj("type", "subscribe", "id", 2, "devices", arr("*")));
    CHECK(client.expect("ack")["id"] == 1);
    CHECK(client.expect("ack")["id"] == 2);
  }
  CHECK(status_of(hub, before.sign(kPanel)) == 101);
}

TEST_CASE("an unknown kid that is nowhere is 401, and many of them make few requests") {
  const IssuerKey key("one");
  KeyServer server(jwks_of(key));
  const IssuerKey stranger("stranger");
  {
    const HubProcess hub(options_for(server));
    CHECK(final_status_of(hub, stranger.sign(kPanel)) == 401);
  }
  const HubProcess hub(options_for(server, {"auth.jwks_cooldown_ms=3600000"}));
  REQUIRE(final_status_of(hub, key.sign(kPanel)) == 101);
  const int before = server.requests();
  status_of(hub, stranger.sign(kPanel));
  // Once: the next may begin in an hour.
  REQUIRE(eventually([&] { return server.requests() > before; }));
  const int requests = server.requests();
  for (int i = 0; i < 20; ++i) {
    const HttpResponse later = upgrade(hub.port(), {.token = stranger.sign(kPanel)});
    CHECK(later.status == 503);
    CHECK(std::stoi(later.header("retry-after")) > 3000);
  }
  CHECK(server.requests() == requests);
  WsClient client(hub.port(), {});
  client.send(obj("type", "auth", "token", stranger.sign(kPanel)));
  CHECK(client.expect_error("overloaded")["retry_after_ms"].as_int() > 0);
  client.expect_close(1013);
  CHECK(status_of(hub, key.sign(kPanel)) == 101);
}

TEST_CASE("when the other side fails, in whatever way, the keys fetched last stay in force") {
  const IssuerKey key("one");
  KeyServer server(jwks_of(key));
  HubProcess hub(options_for(server, {"auth.jwks_timeout_ms=300"}));
  REQUIRE(final_status_of(hub, key.sign(kPanel)) == 101);
  const IssuerKey stranger("stranger");
  double failed = 0;
  for (const auto serving :
       {Serving::kError500, Serving::kRedirect, Serving::kGarbage, Serving::kHuge, Serving::kDrip,
        Serving::kSilence, Serving::kHangUp, Serving::kCutOff}) {
    CAPTURE(static_cast<int>(serving));
    server.set(serving);
    // A failure says nothing about the token; in time the key may come.
    CHECK(eventually([&] {
      CHECK(status_of(hub, stranger.sign(kPanel)) == 503);
      return metric(hub, "fairlead_jwks_fetches_total{result=\"failed\"}") > failed;
    }));
    failed = metric(hub, "fairlead_jwks_fetches_total{result=\"failed\"}");
    CHECK(status_of(hub, key.sign(kPanel)) == 101);
    CHECK(is_ready(hub));
  }
  server.stop_listening();
  CHECK(eventually([&] {
    return metric(hub, "fairlead_jwks_fetches_total{result=\"failed\"}") > failed ||
           status_of(hub, stranger.sign(kPanel)) == 101;
  }));
  CHECK(status_of(hub, key.sign(kPanel)) == 101);
  server.set_keys(jwks_of(key, stranger));
  server.set(Serving::kKeys);
  server.listen_again();
  CHECK(eventually([&] { return status_of(hub, stranger.sign(kPanel)) == 101; }));
  CHECK(hub.stop() == 0);
}

TEST_CASE("a hub whose key server is down serves, says so, and takes the keys when they come") {
  const IssuerKey key("one");
  KeyServer server(jwks_of(key));
  server.stop_listening();
  HubProcess hub(options_for(server));
  CHECK(status_of(hub, hub.sign(kPanel)) == 101);
  CHECK(status_of(hub, key.sign(kPanel)) == 503);
  CHECK(!is_ready(hub));
  server.listen_again();
  CHECK(eventually([&] { return status_of(hub, key.sign(kPanel)) == 101; }));
  CHECK(is_ready(hub));
}

TEST_CASE("max-age makes the hub fetch again by itself, and SIGHUP at once") {
  const IssuerKey before("one");
  const IssuerKey after("one");
  KeyServer server(jwks_of(before));
  HubProcess hub(options_for(server));
  REQUIRE(final_status_of(hub, before.sign(kPanel)) == 101);
  // The same kid: nothing but time, or a word, tells that the key is another.
  server.set_keys(jwks_of(after));
  server.set_headers("Cache-Control: public, max-age=0\r\n");
  hub.process().signal(SIGHUP);
  CHECK(eventually([&] { return status_of(hub, after.sign(kPanel)) == 101; }));
  server.set_keys(jwks_of(before));
  CHECK(eventually([&] { return status_of(hub, before.sign(kPanel)) == 101; }));
  CHECK(status_of(hub, after.sign(kPanel)) == 401);
}

TEST_CASE("a secret in a fetched key set is not taken, nor one in a file that others can read") {
  const IssuerKey key("one");
  const std::string secret(32, 's');
  const Json oct = obj("kty", "oct", "alg", "HS256", "kid", "s", "k", base64url(secret));
  KeyServer server(obj("keys", arr(key.jwk(), oct)).dump());
  const HubProcess hub(options_for(server));
  CHECK(final_status_of(hub, key.sign(kPanel)) == 101);
  CHECK(final_status_of(hub, Token(kPanel).header("kid", "s").sign(secret)) == 401);

  const TempDir dir;
  const auto file = dir.write("keys.json", obj("keys", arr(oct)).dump(), 0640);
  const Finished finished =
      run_fairlead({"serve", "--data", dir.path() / "data", "--listen", "127.0.0.1:0", "--set",
                    "auth.jwks_file=" + file.string()});
  CHECK(finished.code == 1);
  CHECK(finished.err.find("chmod 600") != std::string::npos);
  std::filesystem::permissions(file, std::filesystem::perms::owner_read);
  const HubProcess own({.settings = {"auth.jwks_file=" + file.string()}});
  CHECK(status_of(own, Token(kPanel).header("kid", "s").sign(secret)) == 101);
}

TEST_CASE("keys that rotate under load refuse nobody who has a key in force") {
  const IssuerKey keys[] = {IssuerKey("k0"), IssuerKey("k1"), IssuerKey("k2"),
                            IssuerKey("k3"), IssuerKey("k4"), IssuerKey("k5")};
  KeyServer server(jwks_of(keys[0]));
  const HubProcess hub(options_for(server, {"runtime.shards=2"}));
  // The newest of the keys that may sign: the one before is published still.
  std::atomic<std::size_t> newest = 0;
  std::atomic<bool> is_over = false;
  std::atomic<int> connects = 0;
  std::atomic<int> refusals = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&, i] {
      for (int round = 0; !is_over; ++round) {
        const std::size_t at = newest;
        const std::size_t chosen = at > 0 && round % 2 == 0 ? at - 1 : at;
        const Token who = i % 2 == 0 ? Token::client("panel") : Token::device(unique("boiler"));
        const int status = status_of(hub, keys[chosen].sign(who));
        // A key that went out of force while the token was under way may be refused.
        if (status == 401 && newest <= chosen + 1) ++refusals;
        if (status == 101) ++connects;
      }
    });
  }
  for (std::size_t next = 1; next < std::size(keys); ++next) {
    const int before = connects;
    CHECK(eventually([&] { return connects > before + 40; }));
    server.set_keys(jwks_of(keys[next - 1], keys[next]));
    newest = next;
  }
  is_over = true;
  for (std::thread& client : clients) client.join();
  CHECK(refusals == 0);
  CHECK(connects > 200);
  // The last set may have come too late to be asked for.
  CHECK(server.requests() >= 5);
}
