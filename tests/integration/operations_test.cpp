#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "net/uring_sender.h"
#include "support/deadline.h"
#include "support/failure.h"
#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

HubProcess& hub() {
  static HubProcess shared;
  return shared;
}

/// A port that nobody listens on now.
std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const raw = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd, raw, length) != 0 || ::getsockname(fd, raw, &length) != 0) {
    throw Failure("no free port");
  }
  ::close(fd);
  return ntohs(address.sin_port);
}

bool has_io_uring() { return fairlead::net::UringSender::probe().has_value(); }

/// Samples by name and labels, each checked to have a TYPE and a HELP before it.
std::map<std::string, double> metrics_of(const HubProcess& of) {
  std::istringstream lines(of.anonymous().get("/metrics").body);
  std::map<std::string, std::string> types;
  std::set<std::string> helped;
  std::map<std::string, double> samples;
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    std::istringstream words(line);
    std::string first, second, name, type;
    words >> first >> second >> name >> type;
    if (first == "#" && second == "HELP") helped.insert(name);
    if (first == "#" && second == "TYPE") CHECK(types.emplace(name, type).second);
    if (first == "#" || line.empty()) continue;
    const auto space = line.rfind(' ');
    const std::string full = line.substr(0, space);
    std::string base = full.substr(0, full.find('{'));
    for (const std::string_view suffix : {"_bucket", "_sum", "_count"}) {
      const std::string stem = base.substr(0, base.size() - std::min(base.size(), suffix.size()));
      if (base.ends_with(suffix) && types.contains(stem)) base = stem;
    }
    CHECK(types.contains(base));
    CHECK(helped.contains(base));
    if (base.starts_with("fairlead_") && types[base] == "counter") CHECK(base.ends_with("_total"));
    CHECK(samples.emplace(full, std::stod(line.substr(space + 1))).second);
  }
  return samples;
}

double sum(const std::map<std::string, double>& samples, std::string_view prefix) {
  double total = 0;
  for (const auto& [name, value] : samples) total += name.starts_with(prefix) ? value : 0;
  return total;
}

}  // namespace

TEST_CASE("health and readiness need no token and say yes") {
  const auto http = hub().anonymous();
  CHECK(http.get("/healthz").status == 200);
  CHECK(http.get("/readyz").status == 200);
}

TEST_CASE("the metrics are Prometheus text, and every sample has its type") {
  const HttpResponse response = hub().anonymous().get("/metrics");
  CHECK(response.status == 200);
  CHECK(response.header("content-type").starts_with("text/plain"));
  const auto samples = metrics_of(hub());
  CHECK(sum(samples, "fairlead_") > 0);
}

TEST_CASE("threads have the names of what they do") {
  HubProcess own({.settings = {"runtime.shards=2", "runtime.verifiers=1"}});
  const std::multiset<std::string> expected = {"fairlead",     "shard-0",      "shard-1",
                                               "store-reader", "store-reader", "store-sealer",
                                               "store-writer", "verify"};
  const auto tasks = fmt::format("/proc/{}/task", own.process().pid());
  // A thread names itself, which may be after the hub has said that it listens.
  CHECK(eventually([&] {
    std::multiset<std::string> names;
    for (const auto& task : std::filesystem::directory_iterator(tasks)) {
      std::string name = read_file(task.path() / "comm");
      name.resize(name.find_last_not_of('\n') + 1);
      names.insert(name);
    }
    // A sanitizer has a thread of its own.
    return std::ranges::includes(names, expected);
  }));
}

TEST_CASE("the metrics tell how each shard sends") {
  for (const std::string io : {"epoll", "uring", "auto"}) {
    CAPTURE(io);
    const bool may_be_refused = io == "uring" && !has_io_uring();
    if (may_be_refused) continue;
    const HubProcess own({.settings = {"runtime.shards=2", "runtime.io=" + io}});
    auto samples = metrics_of(own);
    const bool is_uring = io == "uring" || (io == "auto" && has_io_uring());
    CHECK(samples[R"(fairlead_net_shards{io="uring"})"] == (is_uring ? 2 : 0));
    CHECK(samples[R"(fairlead_net_shards{io="epoll"})"] == (is_uring ? 0 : 2));
  }
}

TEST_CASE("the metrics count what happens, and hold no id") {
  const HubProcess own;
  WsClient device = own.device("boiler-in-no-label");
  WsClient client = own.client(Token::client("panel-in-no-label").may_do_all());
  device.ack(obj("type", "telemetry", "seq", 1, "metrics", obj("metric-in-no-label", 1)));
  device.ack(obj("type", "telemetry", "seq", 1, "metrics", obj("metric-in-no-label", 1)));
  device.refused("invalid", obj("type", "telemetry", "metrics", 1));
  client.ack(obj("type", "command.send", "device", "boiler-in-no-label", "name", "x"));
  client.refused("unknown_type", obj("type", "type-in-no-label"));
  const auto samples = metrics_of(own);
  CHECK(samples.at("fairlead_telemetry_samples_total{result=\"accepted\"}") == 1);
  CHECK(samples.at("fairlead_telemetry_samples_total{result=\"duplicate\"}") == 1);
  CHECK(samples.at("fairlead_telemetry_samples_total{result=\"refused\"}") == 1);
  CHECK(samples.at("fairlead_connections{kind=\"device\"}") == 1);
  CHECK(samples.at("fairlead_connections{kind=\"client\"}") == 1);
  CHECK(own.anonymous().get("/metrics").body.find("in-no-label") == std::string::npos);
}

TEST_CASE("the descriptions of both interfaces are JSON of the right kind") {
  const auto http = hub().anonymous();
  const auto open = http.get("/v1/openapi.json");
  CHECK(open.status == 200);
  CHECK(open.header("content-type").starts_with("application/json"));
  CHECK(open.json()["openapi"].as_string().starts_with("3."));
  for (const char* path : {"/v1/devices", "/v1/devices/{id}", "/v1/devices/{id}/telemetry",
                           "/v1/commands/{id}", "/v1/connections", "/healthz"}) {
    CAPTURE(path);
    CHECK(open.json()["paths"][path].is_object());
  }
  const auto async = http.get("/v1/asyncapi.json");
  CHECK(async.status == 200);
  CHECK(async.json()["asyncapi"].as_string().starts_with("3."));
}

TEST_CASE("the page is HTML that may load nothing from elsewhere and run nothing inline") {
  const HttpResponse page = hub().anonymous().get("/");
  CHECK(page.status == 200);
  CHECK(page.header("content-type").starts_with("text/html"));
  const std::string policy = page.header("content-security-policy");
  CAPTURE(policy);
  CHECK(policy.find("default-src 'none'") != std::string::npos);
  CHECK(policy.find("unsafe-") == std::string::npos);
  CHECK(policy.find('*') == std::string::npos);
  CHECK(policy.find("frame-ancestors 'none'") != std::string::npos);
  CHECK(page.header("x-content-type-options") == "nosniff");
  CHECK(page.body.find("<script>") == std::string::npos);
  CHECK(page.body.find(" onclick=") == std::string::npos);
}

TEST_CASE("with an admin address health and metrics are only there") {
  const std::uint16_t admin_port = free_port();
  const HubProcess own({.settings = {fmt::format("http.admin_listen=127.0.0.1:{}", admin_port)}});
  const HttpClient admin(admin_port, "");
  for (const char* target : {"/healthz", "/readyz", "/metrics"}) {
    CAPTURE(target);
    CHECK(admin.get(target).status == 200);
    CHECK(own.anonymous().get(target).status == 404);
  }
  CHECK(
      HttpClient(admin_port, own.sign(Token::client("x").may_do_all())).get("/v1/devices").status ==
      404);
  CHECK(upgrade(admin_port, {.token = own.sign(Token::client("x"))}).status == 404);
}

TEST_CASE("logs as JSON are a JSON object a line and hold no token and no payload") {
  HubProcess own({.settings = {"log.format=json", "log.level=debug"}});
  const std::string token = own.sign(Token::device("boiler"));
  {
    WsClient device(own.port(), {.token = token});
    device.expect("welcome");
    device.ack(obj("type", "telemetry", "metrics", obj("secret_reading", 12345.678)));
    device.send_text("{\"secret_reading\":");
    device.expect_error("bad_message");
    device.close();
  }
  upgrade(own.port(), {.token = token + "x"});
  own.http().get("/v1/devices/boiler");
  CHECK(own.stop() == 0);
  std::istringstream lines(own.process().errors());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    CHECK(Json::parse(line).is_object());
    CHECK(line.find(token) == std::string::npos);
    CHECK(line.find("secret_reading") == std::string::npos);
    CHECK(line.find("12345.678") == std::string::npos);
  }
  CHECK(count > 0);
}

TEST_CASE("without free descriptors connections wait, and are served when some are free again") {
  const TempDir dir;
  const auto secret = dir.write("secret", kSecret);
  const std::string line =
      fmt::format("ulimit -n 90; exec {} serve --listen 127.0.0.1:0 --data {} --jwt-secret-file {}",
                  fairlead_binary().string(), (dir.path() / "data").string(), secret.string());
  Process hub("/bin/sh", {"-c", line});
  const std::string started = hub.read_line(Deadline{kStartPatience});
  const auto port = static_cast<std::uint16_t>(std::stoi(started.substr(started.rfind(':') + 1)));
  // Once before: the undefined behaviour sanitizer needs descriptors where a class is new to it.
  CHECK(HttpClient(port, "").get("/healthz").status == 200);
  {
    std::vector<std::unique_ptr<HttpConnection>> many;
    many.reserve(120);
    for (int i = 0; i < 120; ++i) many.push_back(std::make_unique<HttpConnection>(port));
    many.front()->send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(many.front()->receive().status == 200);
    many.back()->send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < 100; ++i) many[static_cast<std::size_t>(i)].reset();
    CHECK(many.back()->receive().status == 200);
  }
  CHECK(HttpClient(port, "").get("/healthz").status == 200);
  hub.signal(SIGTERM);
  CHECK(hub.wait() == 0);
  CHECK(hub.errors().find("only 90 files may be open") != std::string::npos);
}
