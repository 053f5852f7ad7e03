#include <doctest/doctest.h>
#include <fmt/format.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/sim/device.h"
#include "app/sim/profile.h"

using namespace fairlead;
using namespace fairlead::app::sim;

namespace {

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

class FakeLine final : public Line {
 public:
  void open() override { ++opened; }
  void send(std::string_view message) override { sent.emplace_back(message); }
  void close() override { ++closed; }
  void drop() override { ++dropped; }
  std::string fresh_token() override { return "fresh"; }

  int opened = 0;
  int closed = 0;
  int dropped = 0;
  std::vector<std::string> sent;
};

class FakeFindings final : public Findings {
 public:
  void violation(std::string_view, std::string_view what) override {
    violations.emplace_back(what);
  }
  void note(std::string_view, std::string_view what) override { notes.emplace_back(what); }

  std::vector<std::string> violations;
  std::vector<std::string> notes;
};

/// Readings that the test puts there, all due at once.
class FakeSource final : public Source {
 public:
  std::int64_t due_us() const override { return readings.empty() ? kNever : 0; }
  std::optional<Reading> take(const Moment&) override {
    if (readings.empty()) return std::nullopt;
    Reading next = std::move(readings.front());
    readings.pop_front();
    return next;
  }
  bool waits() const override { return true; }
  void move(std::string_view metric, double value, const Moment&) override {
    moved = fmt::format("{}={}", metric, value);
  }

  std::deque<Reading> readings;
  std::string moved;
};

/// One device, its line in the test's hands, time by hand.
struct Bench {
  explicit Bench(std::size_t window = 16, std::int64_t vanish_every_us = 0) {
    auto owned = std::make_unique<FakeSource>();
    source = owned.get();
    DeviceSettings settings{.id = "sim-1",
                            .epoch = "e1",
                            .profile = profiles().data(),
                            .capabilities = "{}",
                            .window = window,
                            .vanish_every_us = vanish_every_us};
    device = std::make_unique<Device>(std::move(settings), std::move(owned), 1,
                                      Device::Surroundings{line, reader, tally, findings});
    device->start(0);
  }

  void wait_us(std::int64_t us) {
    now.steady_us += us;
    now.wall_ms += us / 1000;
    device->tick(now);
  }
  void hears(std::string_view json) { device->on_message(json, now); }
  void measures(int count) {
    for (int i = 0; i < count; ++i) {
      source->readings.push_back({.ts = 1000 + i, .metrics = R"({"t":1})"});
    }
  }
  /// Everything sent since the last call.
  std::vector<std::string> sent() { return std::exchange(line.sent, {}); }

  void welcomed(std::string_view telemetry = R"({"epoch":null,"last_seq":0})", int rate = 100000) {
    device->tick(now);
    device->on_open(now);
    hears(
        fmt::format(R"({{"type":"welcome","connection":"c-1","kind":"device","subject":"sim-1",)"
                    R"("tenant":"default","server_time":1,"expires_at":2,"heartbeat_ms":30000,)"
                    R"("limits":{{"max_message_bytes":65536,"messages_per_second":{},"burst":{}}},)"
                    R"("telemetry":{}}})",
                    rate, rate, telemetry));
  }
  /// Online, registered, nothing sent that is not answered.
  void online() {
    welcomed();
    acks(1);
    line.sent.clear();
  }
  void acks(int request) { hears(fmt::format(R"({{"type":"ack","id":{}}})", request)); }
  void acks(int request, int accepted, int duplicates, int last_seq) {
    hears(fmt::format(R"({{"type":"ack","id":{},"accepted":{},"duplicates":{},"last_seq":{}}})",
                      request, accepted, duplicates, last_seq));
  }
  void refuses(int request, std::string_view code, std::string_view more = "") {
    hears(fmt::format(R"({{"type":"error","id":{},"code":"{}","message":"m"{}}})", request, code,
                      more));
  }
  void delivers(std::string_view command, int attempt = 1) {
    hears(fmt::format(
        R"({{"type":"command","command":"{}","name":"set_target","params":{{"celsius":40}},)"
        R"("issued_at":1,"expires_at":2,"attempt":{}}})",
        command, attempt));
  }
  void loses_line() { device->on_closed(1006, "", now); }
  /// Comes back after the wait it chose.
  void returns(std::string_view telemetry) {
    wait_us(31'000'000);
    welcomed(telemetry);
  }

  Moment now{.steady_us = 1'000'000, .wall_ms = 1'764'000'000'000};
  FakeLine line;
  HubMessageReader reader;
  Tally tally;
  FakeFindings findings;
  FakeSource* source = nullptr;
  std::unique_ptr<Device> device;
};

}  // namespace

TEST_CASE("a device says nothing before its welcome, and registers first after it") {
  Bench bench;
  bench.measures(1);
  bench.device->tick(bench.now);
  CHECK(bench.line.opened == 1);
  bench.device->on_open(bench.now);
  CHECK(bench.sent().empty());
  bench.welcomed();
  const auto sent = bench.sent();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0] == R"({"type":"device.register","id":1,"name":"sim-1","device_type":"boiler",)"
                   R"("firmware":"4.2.1","capabilities":{},"metadata":{"simulated":true}})");
  CHECK(sent[1] == R"({"type":"telemetry","id":2,"epoch":"e1","ts":1000,"seq":1,)"
                   R"("metrics":{"t":1}})");
  bench.acks(1);
  bench.acks(2, 1, 0, 1);
  CHECK(bench.tally.acked == 1);
  CHECK(bench.device->has_delivered_all());
  CHECK(bench.findings.violations.empty());
}

TEST_CASE("samples that wait leave as batches, as many as the window lets") {
  Bench bench(2);
  bench.measures(250);
  bench.online();
  bench.acks(2, 100, 0, 100);
  const auto sent = bench.sent();
  REQUIRE(sent.size() == 1);
  CHECK(has(sent[0],
            R"("type":"telemetry.batch","id":4,"epoch":"e1","samples":[{"ts":1200,"seq":201)"));
  bench.acks(3, 100, 0, 200);
  bench.acks(4, 50, 0, 250);
  CHECK(bench.device->has_delivered_all());
  CHECK(bench.tally.acked == 250);
  CHECK(bench.findings.violations.empty());
}

TEST_CASE("what was in flight is sent again with the same seq, without what is stored") {
  Bench bench(1);
  bench.online();
  bench.measures(1);
  bench.wait_us(1000);
  bench.measures(2);
  bench.wait_us(1000);
  bench.acks(2, 1, 0, 1);
  bench.sent();
  bench.loses_line();
  CHECK(bench.device->unacked() == 2);
  bench.returns(R"({"epoch":"e1","last_seq":2})");
  const auto sent = bench.sent();
  REQUIRE(sent.size() == 1);
  CHECK(has(sent[0], R"("seq":3)"));
  CHECK(bench.tally.acked_by_welcome == 1);
  bench.acks(4, 0, 1, 3);
  CHECK(bench.tally.duplicates == 1);
  CHECK(bench.tally.reconnects == 1);
  CHECK(bench.findings.violations.empty());
}

TEST_CASE("nothing leaves behind samples in doubt before they are answered") {
  Bench bench(16);
  bench.online();
  bench.measures(1);
  bench.wait_us(1000);
  bench.loses_line();
  bench.measures(1);
  bench.sent();
  bench.returns(R"({"epoch":null,"last_seq":0})");
  CHECK(bench.sent().size() == 1);
  bench.refuses(3, "rate_limited", R"(,"retry_after_ms":100)");
  bench.wait_us(101'000);
  const auto again = bench.sent();
  REQUIRE(again.size() == 1);
  CHECK(has(again[0], R"("seq":1,)"));
  bench.acks(4, 1, 0, 1);
  CHECK(has(bench.sent().at(0), R"("seq":2,)"));
  CHECK(bench.findings.violations.empty());
}

TEST_CASE("what was refused for now waits as told and gets a new seq") {
  Bench bench(2);
  bench.online();
  bench.measures(1);
  bench.wait_us(1000);
  bench.measures(1);
  bench.wait_us(1000);
  bench.sent();
  bench.refuses(2, "overloaded", R"(,"retry_after_ms":500)");
  bench.acks(3, 1, 0, 2);
  bench.wait_us(400'000);
  CHECK(bench.sent().empty());
  CHECK(bench.device->due_us() <= bench.now.steady_us + 100'000);
  bench.wait_us(100'000);
  const auto sent = bench.sent();
  REQUIRE(sent.size() == 1);
  CHECK(has(sent[0], R"("ts":1000,"seq":3,)"));
  bench.acks(4, 1, 0, 3);
  CHECK(bench.device->has_delivered_all());
  CHECK(bench.findings.violations.empty());
}

TEST_CASE("a device stays under the rate that its welcome names") {
  Bench bench(100);
  bench.measures(1);
  bench.welcomed(R"({"epoch":null,"last_seq":0})", 10);
  CHECK(bench.sent().size() == 2);
  int sent_in_ten_seconds = 0;
  for (int step = 0; step < 1000; ++step) {
    bench.measures(1);
    bench.wait_us(10'000);
    sent_in_ten_seconds += static_cast<int>(bench.sent().size());
  }
  CHECK(sent_in_ten_seconds <= 100);
  CHECK(sent_in_ten_seconds > 80);
}

TEST_CASE("each way in which a hub can be wrong about acks is noticed") {
  Bench bench;
  bench.online();
  bench.measures(2);
  bench.wait_us(1000);
  bench.measures(2);
  bench.wait_us(1000);
  std::string expected;
  SUBCASE("an answer passed over") {
    bench.acks(3, 2, 0, 4);
    expected = "request 3 was answered before request 2, which was sent first";
  }
  SUBCASE("a doubled answer") {
    bench.acks(1);
    expected = "a second answer to request 1";
  }
  SUBCASE("an answer to nothing") {
    bench.acks(9);
    expected = "an answer to request 9, which was never sent";
  }
  SUBCASE("counts that do not add up") {
    bench.acks(2, 1, 0, 2);
    expected = "ack of 2 samples: 1 accepted and 0 duplicates";
  }
  SUBCASE("a duplicate that was sent once") {
    bench.acks(2, 1, 1, 2);
    expected = "ack: 1 duplicates, only 0 samples had been sent before";
  }
  SUBCASE("a last_seq below what it acks") {
    bench.acks(2, 2, 0, 1);
    expected = "ack: last_seq 1 is below 2, which it acks";
  }
  SUBCASE("a last_seq that was never sent") {
    bench.acks(2, 2, 0, 5);
    expected = "ack: last_seq 5 is beyond 4, the highest that was sent";
  }
  REQUIRE(bench.findings.violations.size() == 1);
  CHECK(bench.findings.violations[0] == expected);
}

TEST_CASE("each way in which a hub can break its promise or its silence is noticed") {
  Bench bench;
  bench.online();
  bench.measures(2);
  bench.wait_us(1000);
  bench.measures(2);
  bench.wait_us(1000);
  std::string expected;
  SUBCASE("a last_seq that goes back") {
    bench.acks(2, 2, 0, 4);
    bench.measures(1);
    bench.wait_us(1000);
    bench.loses_line();
    bench.returns(R"({"epoch":"e1","last_seq":3})");
    expected = "welcome: last_seq went back from 4 to 3";
  }
  SUBCASE("a welcome that forgot what was acked") {
    bench.acks(2, 2, 0, 2);
    bench.loses_line();
    bench.returns(R"({"epoch":"e1","last_seq":1})");
    expected = "welcome: last_seq 1 although seq 2 was acked";
  }
  SUBCASE("a welcome that forgot the epoch") {
    bench.acks(2, 2, 0, 2);
    bench.loses_line();
    bench.returns(R"({"epoch":null,"last_seq":0})");
    expected = "welcome: epoch null although seq 2 of epoch e1 was acked";
  }
  SUBCASE("an answer that comes over the wrong connection") {
    bench.loses_line();
    bench.returns(R"({"epoch":null,"last_seq":0})");
    bench.acks(3, 2, 0, 4);
    expected = "an answer to request 3 of an earlier connection";
  }
  SUBCASE("a sound request refused") {
    bench.refuses(2, "invalid");
    expected = "a sound request 2 was refused: invalid: m";
  }
  SUBCASE("an answer without its id") {
    bench.hears(R"({"type":"ack","accepted":1})");
    expected = "an answer without an id";
  }
  SUBCASE("no JSON") {
    bench.hears(R"({"type":)");
    REQUIRE(bench.findings.violations.size() == 1);
    expected = bench.findings.violations[0];
    CHECK(has(expected, "cannot be read"));
  }
  SUBCASE("no answer at all") {
    bench.device->on_sign_of_life(bench.now);
    bench.wait_us(59'000'000);
    CHECK(bench.findings.violations.empty());
    bench.device->on_sign_of_life(bench.now);
    bench.wait_us(2'000'000);
    expected = "a request was not answered within 60 s";
  }
  REQUIRE(bench.findings.violations.size() == 1);
  CHECK(bench.findings.violations[0] == expected);
}

TEST_CASE("a command is accepted at once, worked on for a while, and moves its metric") {
  Bench bench;
  bench.online();
  bench.delivers("k-1");
  CHECK(bench.sent() ==
        std::vector<std::string>{R"({"type":"command.accept","id":2,"command":"k-1"})"});
  bench.acks(2);
  bench.wait_us(10'000);
  CHECK(bench.sent().empty());
  bench.wait_us(1'000'000);
  const auto sent = bench.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0] == R"({"type":"command.result","id":3,"command":"k-1","status":"executed",)"
                   R"("result":{"applied":{"celsius":40},"ok":true}})");
  CHECK(bench.source->moved == "temperature=40");
  bench.acks(3);
  CHECK(bench.tally.results == 1);
  CHECK(bench.findings.violations.empty());
}

TEST_CASE("a command that is delivered again runs once and is answered alike") {
  Bench bench;
  bench.online();
  bench.delivers("k-1");
  bench.acks(2);
  bench.wait_us(1'000'000);
  const std::string first = bench.sent().back();
  bench.source->moved.clear();
  bench.loses_line();
  bench.returns(R"({"epoch":null,"last_seq":0})");
  bench.delivers("k-1", 2);
  const std::string again = bench.sent().back();
  CHECK(first.substr(first.find("\"command\"")) == again.substr(again.find("\"command\"")));
  CHECK(bench.source->moved.empty());
  CHECK(bench.tally.commands == 1);
  CHECK(bench.tally.commands_again == 1);
  CHECK(bench.findings.violations.empty());

  bench.acks(4);
  bench.loses_line();
  bench.returns(R"({"epoch":null,"last_seq":0})");
  bench.delivers("k-1", 3);
  CHECK(bench.findings.violations ==
        std::vector<std::string>{"command k-1 again although its result was acked"});
}

TEST_CASE("a command twice on one connection is a violation") {
  Bench bench;
  bench.online();
  bench.delivers("k-1");
  bench.delivers("k-1");
  CHECK(bench.findings.violations ==
        std::vector<std::string>{"command k-1 twice on one connection"});
}

TEST_CASE("a device that vanishes comes back by itself") {
  Bench bench(16, 10'000'000);
  bench.online();
  for (int second = 0; second < 600 && bench.line.dropped == 0; ++second) {
    bench.device->on_sign_of_life(bench.now);
    bench.wait_us(1'000'000);
    for (std::size_t i = 0; i < bench.sent().size(); ++i) bench.acks(2 + static_cast<int>(i));
  }
  CHECK(bench.line.dropped == 1);
  CHECK(bench.tally.vanished == 1);
  CHECK(bench.tally.connected == 0);
  bench.wait_us(5'000'000);
  CHECK(bench.line.opened == 2);
}

TEST_CASE("close codes and statuses decide whether a device comes back, and when") {
  Bench bench;
  bench.online();
  SUBCASE("dismissed") {
    bench.device->on_closed(4403, "disabled", bench.now);
    CHECK(bench.device->is_stopped());
    CHECK(bench.findings.violations.empty());
  }
  SUBCASE("replaced") {
    bench.device->on_closed(4409, "replaced", bench.now);
    CHECK(bench.device->is_stopped());
  }
  SUBCASE("accused of breaking the protocol") {
    bench.device->on_closed(1009, "too big", bench.now);
    CHECK(bench.device->is_stopped());
    CHECK(bench.findings.violations.size() == 1);
  }
  SUBCASE("a restart says when") {
    bench.hears(
        R"({"type":"error","code":"overloaded","message":"draining","retry_after_ms":2500})");
    bench.device->on_closed(1012, "restart", bench.now);
    CHECK(bench.device->due_us() == bench.now.steady_us + 2'500'000);
  }
  SUBCASE("a lost line doubles its waits up to a bound") {
    bench.loses_line();
    for (int attempt = 0; attempt < 20; ++attempt) {
      const std::int64_t wait = bench.device->due_us() - bench.now.steady_us;
      CHECK(wait > 0);
      CHECK(wait <= 30'000'000);
      if (attempt > 10) CHECK(wait >= 15'000'000);
      bench.wait_us(wait);
      bench.device->on_refused({.status = 0, .message = "refused"}, bench.now);
    }
    CHECK(bench.line.opened == 21);
  }
  SUBCASE("tokens refused again and again") {
    for (int attempt = 0; attempt < 3; ++attempt) {
      bench.device->on_closed(4401, "expired", bench.now);
      if (bench.device->is_stopped()) break;
      bench.wait_us(31'000'000);
      bench.device->on_open(bench.now);
    }
    CHECK(bench.device->is_stopped());
  }
}

TEST_CASE("a device that finishes waits for its acks, then closes") {
  Bench bench;
  bench.online();
  bench.measures(1);
  bench.wait_us(1000);
  bench.device->finish(bench.now);
  CHECK(bench.line.closed == 0);
  bench.acks(2, 1, 0, 1);
  CHECK(bench.line.closed == 1);
  bench.device->on_closed(1000, "", bench.now);
  CHECK(bench.device->is_stopped());
  CHECK(bench.tally.connected == 0);
}

TEST_CASE("a device that gives up names the answers that are missing") {
  Bench bench;
  bench.online();
  bench.measures(1);
  bench.wait_us(1000);
  bench.device->finish(bench.now);
  bench.wait_us(10'000'000);
  bench.device->give_up(bench.now);
  CHECK(bench.device->is_stopped());
  CHECK(bench.findings.violations ==
        std::vector<std::string>{"no answer to 1 requests, the oldest sent 10 s ago"});
}

TEST_CASE("a device with nothing to say shows that it lives") {
  Bench bench;
  bench.online();
  bench.device->on_sign_of_life(bench.now);
  bench.wait_us(24'000'000);
  const auto sent = bench.sent();
  REQUIRE(sent.size() >= 1);
  CHECK(has(sent.back(), R"({"type":"heartbeat","id":)"));
}

TEST_CASE("a token that expires is renewed") {
  Bench bench;
  bench.online();
  bench.hears(R"({"type":"auth.expiring","expires_at":1764000060000})");
  CHECK(bench.sent() == std::vector<std::string>{R"({"type":"auth","id":2,"token":"fresh"})"});
}
