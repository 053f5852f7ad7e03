#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <set>
#include <vector>

#include "support/failure.h"
#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

constexpr int kTls12 = 0x0303;
constexpr int kTls13 = 0x0304;

TlsOptions with(TlsOptions options, int version, TlsTicket ticket = {}) {
  options.version = version;
  options.ticket = std::move(ticket);
  return options;
}

WsClient connect(const HubProcess& hub, std::string_view device, TlsOptions tls) {
  WsClient client(hub.port(), {.token = hub.sign(Token::device(device)), .tls = std::move(tls)});
  client.expect("welcome");
  return client;
}

/// The name that a connection made now is shown.
std::string name_shown(const HubProcess& hub) {
  HttpConnection connection(hub.port(), hub.tls());
  return connection.socket().tls()->server_name();
}

/// What ends an attempt to ask for something over TLS.
std::string refusal(const HubProcess& hub, const TlsOptions& tls) {
  try {
    HttpConnection connection(hub.port(), tls);
    connection.send("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
    return fmt::format("answered {}", connection.receive().status);
  } catch (const Failure& failure) {
    return failure.what();
  }
}

Json sample(std::int64_t seq) {
  return obj("type", "telemetry", "seq", seq, "metrics", obj("n", seq));
}

}  // namespace

TEST_CASE("devices, clients and HTTP speak TLS 1.3 and 1.2") {
  const HubProcess hub({.with_tls = true});
  for (const auto& [version, name] : {std::pair{kTls13, "TLSv1.3"}, {kTls12, "TLSv1.2"}}) {
    CAPTURE(name);
    const TlsOptions tls = with(*hub.tls(), version);
    WsClient device = connect(hub, name, tls);
    CHECK(device.socket().tls()->version() == name);
    CHECK(device.ack(sample(1))["accepted"] == 1);
    device.close();
    const HttpClient http(hub.port(), hub.sign(Token::client("c").may_do_all()), tls);
    const Json rows = http.get(fmt::format("/v1/devices/{}/telemetry", name)).json();
    CHECK(rows["items"].items().size() == 1);
  }
}

TEST_CASE("a page from https of the same host is of the same origin, one from http is not") {
  const HubProcess hub({.with_tls = true});
  const auto status_for = [&](std::string_view scheme) {
    return hub.anonymous()
        .get("/healthz", {fmt::format("Origin: {}://127.0.0.1:{}", scheme, hub.port())})
        .status;
  };
  CHECK(status_for("https") == 200);
  CHECK(status_for("http") == 403);
}

TEST_CASE("a ticket resumes a session until the certificate is read anew") {
  const HubProcess hub({.with_tls = true});
  for (const int version : {kTls13, kTls12}) {
    CAPTURE(version);
    WsClient first = connect(hub, "boiler", with(*hub.tls(), version));
    CHECK_FALSE(first.socket().tls()->was_resumed());
    const TlsTicket ticket = first.socket().tls()->ticket();
    first.close();
    WsClient second = connect(hub, "boiler", with(*hub.tls(), version, ticket));
    CHECK(second.socket().tls()->was_resumed());
    second.close();
  }
}

TEST_CASE("ALPN is http/1.1, and h2 alone is refused with an alert") {
  const HubProcess hub({.with_tls = true});
  TlsOptions tls = *hub.tls();
  tls.protocols = {"h2", "http/1.1"};
  HttpConnection connection(hub.port(), tls);
  CHECK(connection.socket().tls()->protocol() == "http/1.1");
  tls.protocols = {"h2"};
  CHECK(refusal(hub, tls) == "TLS: tlsv1 alert no application protocol");
}

TEST_CASE("with http.tls_client_ca a client needs a certificate of it") {
  const Authority clients("a root for clients");
  const TempDir dir;
  const auto roots = dir.write("clients.pem", clients.certificate());
  const HubProcess hub({.settings = {"http.tls_client_ca=" + roots.string()}, .with_tls = true});
  TlsOptions tls = *hub.tls();
  CHECK(refusal(hub, tls).find("certificate required") != std::string::npos);
  tls.identity = Authority("a stranger").issue();
  CHECK(refusal(hub, tls).find("unknown ca") != std::string::npos);
  tls.identity = clients.issue({.name = "boiler-7"});
  CHECK(refusal(hub, tls) == "answered 200");
  WsClient device = connect(hub, "boiler-7", tls);
  CHECK(device.ack(sample(1))["accepted"] == 1);
}

TEST_CASE("SIGHUP takes a new certificate while open connections go on") {
  HubProcess hub({.with_tls = true});
  WsClient device = hub.device("boiler");
  CHECK(name_shown(hub) == "localhost");
  hub.write_identity(hub.authority().issue({.name = "second"}));
  CHECK(device.ack(sample(1))["accepted"] == 1);
  hub.process().signal(SIGHUP);
  CHECK(eventually([&] { return name_shown(hub) == "second"; }));
  CHECK(device.ack(sample(2))["accepted"] == 1);
  hub.write_identity(hub.authority().issue({.name = "third", .valid_until_s = -60}));
  hub.process().signal(SIGHUP);
  CHECK(eventually(
      [&] { return hub.process().errors().find("has expired on") != std::string::npos; }));
  CHECK(name_shown(hub) == "second");
  CHECK(device.ack(sample(3))["accepted"] == 1);
  hub.write_identity(hub.authority().issue({.name = "fourth", .with_rsa_key = true}));
  hub.process().signal(SIGHUP);
  CHECK(eventually([&] { return name_shown(hub) == "fourth"; }));
  device.close();
}

TEST_CASE("a handshake that is not finished in time is ended") {
  const HubProcess hub({.settings = {"http.tls_timeout_ms=200"}, .with_tls = true});
  Socket silent(hub.port());
  std::string received;
  CHECK_FALSE(silent.receive(received, Deadline{}));
  Socket broken_off(hub.port());
  broken_off.send("\x16\x03\x01\x02");
  CHECK_FALSE(broken_off.receive(received, Deadline{}));
  CHECK(received.empty());
}

TEST_CASE("a storm of handshakes that never end does not keep others out") {
  const HubProcess hub({.settings = {"http.tls_handshakes=50"}, .with_tls = true});
  WsClient device = hub.device("before");
  std::vector<Socket> storm;
  for (int i = 0; i < 400; ++i) {
    storm.emplace_back(hub.port());
    storm.back().send("\x16\x03\x01");
    if (i % 100 != 0) continue;
    CHECK(device.ack(sample(i + 1))["accepted"] == 1);
    CHECK(hub.device(fmt::format("during-{}", i)).ack(sample(1))["accepted"] == 1);
  }
}

TEST_CASE("plain HTTP on the TLS port is told to use TLS") {
  const HubProcess hub({.with_tls = true});
  HttpConnection plain(hub.port());
  plain.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  const HttpResponse answer = plain.receive();
  CHECK(answer.status == 400);
  CHECK(answer.body == "this port speaks TLS: use https or wss.\n");
}

TEST_CASE("big messages pass both ways over TLS") {
  const HubProcess hub(
      {.settings = {"limits.max_message_bytes=4194304", "limits.outbox_bytes=67108864"},
       .with_tls = true});
  WsClient device = hub.device("boiler");
  WsClient client = hub.client();
  client.ack(obj("type", "subscribe", "devices", Json::Array{"boiler"}));
  const std::string text(1000, 'x');
  Json::Array samples;
  for (int i = 0; i < 1000; ++i) {
    samples.push_back(obj("metrics", obj("a", text, "b", text, "n", i)));
  }
  CHECK(device.ack(obj("type", "telemetry.batch", "samples", samples))["accepted"] == 1000);
  for (int i = 0; i < 1000; ++i) {
    const Json event = client.expect_until("telemetry");
    REQUIRE(event["metrics"]["n"] == i);
    REQUIRE(event["metrics"]["a"] == text);
  }
  CHECK(hub.http().list("/v1/devices/boiler/telemetry").size() == 1000);
}

TEST_CASE("a device at home on another shard keeps its TLS connection") {
  const HubProcess hub({.settings = {"runtime.shards=2"}, .with_tls = true});
  for (int i = 0; i < 16; ++i) {
    const std::string id = fmt::format("boiler-{}", i);
    WsClient device(hub.port(), {.token = hub.sign(Token::device(id)), .tls = hub.tls()});
    // Before the welcome: what is read here has to move along.
    for (int seq = 1; seq <= 20; ++seq) device.send(sample(seq));
    device.expect("welcome");
    CHECK(device.ack(sample(21))["last_seq"] == 21);
    device.close();
    CHECK(hub.http().list(fmt::format("/v1/devices/{}/telemetry", id)).size() == 21);
  }
}

TEST_CASE("a drain tells connections over TLS when to come back") {
  HubProcess hub({.with_tls = true});
  std::vector<WsClient> devices;
  for (int i = 0; i < 8; ++i) devices.push_back(hub.device(fmt::format("d-{}", i)));
  hub.process().signal(SIGTERM);
  for (WsClient& device : devices) {
    CHECK(device.expect("error")["retry_after_ms"].as_int() > 0);
    device.expect_close(1012);
  }
  CHECK(hub.process().wait() == 0);
}

TEST_CASE("the simulated fleet speaks TLS and checks the hub's certificate") {
  const HubProcess hub({.with_tls = true});
  const TempDir dir;
  const auto roots = dir.write("roots.pem", hub.tls()->roots);
  const auto csv =
      dir.write("readings.csv", "time,n\n2026-01-01T00:00:00Z,1\n2026-01-01T01:00:00Z,2\n");
  const auto play = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"sim",
                                          "--url",
                                          fmt::format("wss://127.0.0.1:{}", hub.port()),
                                          "--jwt-secret-file",
                                          hub.secret_file(),
                                          "--devices",
                                          "2",
                                          "--csv",
                                          csv,
                                          "--speed",
                                          "0"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(fairlead_binary(), arguments, {}, Deadline{kStartPatience});
  };
  CHECK(play({"--ca", roots}).code == 0);
  CHECK(hub.http().list("/v1/devices/sim-2/telemetry").size() == 2);
  CHECK(play({"--insecure"}).code == 0);
  const Finished unchecked = play({"--duration", "1"});
  CHECK(unchecked.code != 0);
  CHECK(unchecked.err.find("certificate verify failed") != std::string::npos);
}

TEST_CASE("handshakes are counted") {
  const HubProcess hub({.with_tls = true});
  WsClient device = hub.device("boiler");
  const std::string metrics = hub.anonymous().get("/metrics").body;
  CHECK(metrics.find("fairlead_tls_handshakes_total{result=\"full\"} 2") != std::string::npos);
}

TEST_CASE("a start with bad TLS files is refused and names the file") {
  const TempDir dir;
  const Authority authority;
  const Identity identity = authority.issue();
  dir.write("secret", kSecret);
  const std::string certificate = dir.write("cert.pem", identity.certificate);
  const std::string key = dir.write("key.pem", identity.key);
  const auto refused = [&](const std::vector<std::string>& settings) {
    std::vector<std::string> arguments = {"serve",
                                          "--listen",
                                          "127.0.0.1:0",
                                          "--data",
                                          dir.path() / "data",
                                          "--jwt-secret-file",
                                          dir.path() / "secret"};
    for (const std::string& setting : settings) {
      arguments.emplace_back("--set");
      arguments.push_back(setting);
    }
    const Finished finished = run_fairlead(arguments);
    CHECK(finished.code != 0);
    CHECK(finished.out.empty());
    return finished.err;
  };
  CHECK(refused({"http.tls_cert=" + certificate}).find("http.tls_key is missing") !=
        std::string::npos);
  CHECK(refused({"http.tls_key=" + key}).find("http.tls_cert is missing") != std::string::npos);
  CHECK(refused({"http.tls_client_ca=" + certificate}).find("http.tls_client_ca") !=
        std::string::npos);
  dir.write("key.pem", identity.key, 0644);
  CHECK(refused({"http.tls_cert=" + certificate, "http.tls_key=" + key})
            .find("http.tls_key " + key + ": mode 0644") != std::string::npos);
  dir.write("key.pem", authority.issue().key);
  CHECK(refused({"http.tls_cert=" + certificate, "http.tls_key=" + key})
            .find("is not the key of the certificate") != std::string::npos);
}
