#include "telemetry/service.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "devices/device.h"
#include "support/hand_clock.h"
#include "support/hand_store.h"

namespace fairlead::telemetry {
namespace {

constexpr protocol::DeviceRef kBoiler = 0;
constexpr protocol::DeviceKey kKey = 1;

struct Numbers {
  std::optional<std::int64_t> seq;
  std::optional<std::int64_t> ts = std::nullopt;
};

/// One device in the store, and a service that knows it.
class Fixture : public EventSink {
 public:
  Fixture() : store(clock), service(store.shard(), *this, clock) {
    devices::Device device;
    device.key = kKey;
    device.tenant = "default";
    device.id = "boiler";
    store.shard().save(device, [](Result<void>) {});
    store.commit_all();
    service.add(kBoiler, kKey, {}, {});
  }

  void sample_stored(protocol::DeviceRef, const SampleView& sample) override {
    told.push_back(copy(sample));
  }

  /// Sends one request; its answer is at answers[index] once it is known.
  std::size_t send(const std::vector<Numbers>& samples,
                   std::optional<std::string_view> epoch = std::nullopt) {
    protocol::MetricView metric{.name = "t", .text = "1", .number = 1};
    std::vector<protocol::SampleView> views;
    for (const Numbers& numbers : samples) {
      views.push_back({.ts = numbers.ts,
                       .seq = numbers.seq,
                       .metrics_json = R"({"t":1})",
                       .metrics = {&metric, 1}});
    }
    const std::size_t index = answers.size();
    answers.emplace_back();
    service.submit(kBoiler, declared,
                   {.epoch = epoch, .samples = views, .is_batch = samples.size() > 1},
                   [this, index](Result<Accepted> answer) {
                     CHECK_FALSE(answers[index].has_value());
                     answers[index] = std::move(answer);
                   });
    if (is_turn_over) service.flush();
    return index;
  }

  std::pair<std::int64_t, std::int64_t> counts(std::size_t index) const {
    return {answers[index]->value().accepted, answers[index]->value().duplicates};
  }

  support::HandClock clock;
  support::HandStore store;
  protocol::Capabilities declared;
  Service service;
  /// Each request is a turn of its own.
  bool is_turn_over = true;
  std::vector<Sample> told;
  std::vector<std::optional<Result<Accepted>>> answers;
};

using Counts = std::pair<std::int64_t, std::int64_t>;

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a sample is acked and told after its commit, not before") {
  const auto answer = send({{.seq = 42}});
  CHECK_FALSE(answers[answer].has_value());
  CHECK(told.empty());
  CHECK(service.progress(kBoiler).offset == 0);
  store.commit_all();
  CHECK(counts(answer) == Counts{1, 0});
  CHECK(answers[answer]->value().last_seq == 42);
  REQUIRE(told.size() == 1);
  CHECK(told[0].offset == 1);
  CHECK(service.progress(kBoiler).last_seq == 42);
}

TEST_CASE_FIXTURE(Fixture,
                  "what is at or below the highest seq is a duplicate, also in one batch") {
  send({{.seq = 5}});
  store.commit_all();
  const auto answer = send({{.seq = 5}, {.seq = 6}, {.seq = 6}, {.seq = 9}, {.seq = 7}});
  store.commit_all();
  CHECK(counts(answer) == Counts{2, 3});
  CHECK(answers[answer]->value().last_seq == 9);
  CHECK(service.progress(kBoiler).offset == 3);
}

TEST_CASE_FIXTURE(Fixture, "a duplicate of a stored sample is answered at once, without a write") {
  send({{.seq = 5}});
  store.commit_all();
  const std::size_t commits = store.disk().commits();
  const auto answer = send({{.seq = 5}});
  CHECK(counts(answer) == Counts{0, 1});
  store.commit_all();
  CHECK(store.disk().commits() == commits);
}

TEST_CASE_FIXTURE(Fixture, "a duplicate of a sample on its way waits for that one's commit") {
  const auto first = send({{.seq = 5}});
  const auto again = send({{.seq = 5}});
  CHECK_FALSE(answers[again].has_value());
  SUBCASE("and is acked with it") {
    store.commit_all();
    CHECK(counts(first) == Counts{1, 0});
    CHECK(counts(again) == Counts{0, 1});
  }
  SUBCASE("and fails with it") {
    store.fail_all();
    CHECK(answers[first]->error().code == Code::kOverloaded);
    CHECK(answers[again]->error().code == Code::kOverloaded);
  }
}

TEST_CASE_FIXTURE(Fixture, "another epoch begins anew, also one that was left") {
  send({{.seq = 9}}, "a");
  store.commit_all();
  const auto other = send({{.seq = 1}}, "b");
  store.commit_all();
  CHECK(counts(other) == Counts{1, 0});
  CHECK(answers[other]->value().last_seq == 1);
  const auto back = send({{.seq = 9}}, "a");
  store.commit_all();
  CHECK(counts(back) == Counts{1, 0});
  // Without a name the current one is meant.
  const auto current = send({{.seq = 9}});
  CHECK(counts(current) == Counts{0, 1});
  CHECK(service.progress(kBoiler).offset == 3);
}

TEST_CASE_FIXTURE(Fixture, "without seq every sample is stored and no last_seq is told") {
  const auto answer = send({{.seq = std::nullopt}, {.seq = std::nullopt}});
  store.commit_all();
  CHECK(counts(answer) == Counts{2, 0});
  CHECK_FALSE(answers[answer]->value().last_seq.has_value());
}

TEST_CASE_FIXTURE(Fixture, "a failed commit takes the numbers of all that was on its way back") {
  send({{.seq = 1}});
  const auto second = send({{.seq = 2}});
  store.fail_all();
  CHECK(answers[second]->error().code == Code::kOverloaded);
  CHECK(told.empty());
  const auto again = send({{.seq = 1}, {.seq = 2}});
  store.commit_all();
  CHECK(counts(again) == Counts{2, 0});
  REQUIRE(told.size() == 2);
  CHECK(told[0].offset == 1);
  CHECK(told[1].offset == 2);
}

TEST_CASE_FIXTURE(Fixture,
                  "after a failed commit later numbers are refused until the lost one comes") {
  send({{.seq = 1}}, "a");
  store.fail_all();
  const auto later = send({{.seq = 2}}, "a");
  REQUIRE(answers[later].has_value());
  CHECK(answers[later]->error().code == Code::kOverloaded);
  CHECK(answers[later]->error().retry_after_ms > 0);
  SUBCASE("the lost one ends it") {
    send({{.seq = 1}, {.seq = 2}}, "a");
    store.commit_all();
    CHECK(service.progress(kBoiler).last_seq == 2);
  }
  SUBCASE("a new connection ends it: it resumes from what is stored") {
    service.resumed(kBoiler);
    send({{.seq = 2}}, "a");
    store.commit_all();
    CHECK(service.progress(kBoiler).last_seq == 2);
  }
  SUBCASE("another epoch ends it") {
    const auto other = send({{.seq = 7}}, "b");
    store.commit_all();
    CHECK(counts(other) == Counts{1, 0});
  }
  SUBCASE("time ends it: nothing sent before the failure is still on its way") {
    clock.advance(Service::kResendMs);
    const auto much_later = send({{.seq = 2}}, "a");
    store.commit_all();
    CHECK(counts(much_later) == Counts{1, 0});
  }
  SUBCASE("samples without numbers go on") {
    const auto plain = send({{.seq = std::nullopt}});
    store.commit_all();
    CHECK(counts(plain) == Counts{1, 0});
  }
}

TEST_CASE_FIXTURE(Fixture, "ts is the time of arrival by default and may be a day ahead") {
  send({{.seq = std::nullopt}});
  send({{.seq = std::nullopt, .ts = clock.now_ms() + 24LL * 3600 * 1000}});
  const auto far = send({{.seq = std::nullopt, .ts = clock.now_ms() + 24LL * 3600 * 1000 + 1}});
  REQUIRE(answers[far].has_value());
  CHECK(answers[far]->error().code == Code::kInvalid);
  CHECK(answers[far]->error().fields[0].path == "ts");
  store.commit_all();
  REQUIRE(told.size() == 2);
  CHECK(told[0].ts == clock.now_ms());
  CHECK(service.counters().refused == 1);
}

TEST_CASE_FIXTURE(Fixture, "the time of arrival does not fall when the clock does") {
  send({{.seq = std::nullopt}});
  clock.advance(-5000);
  send({{.seq = std::nullopt}});
  store.commit_all();
  CHECK(told[1].at == told[0].at);
}

TEST_CASE_FIXTURE(Fixture, "what was declared is held against each sample, all or nothing") {
  declared =
      protocol::Capabilities::parse(R"({"metrics":{"t":{"type":"number","maximum":0.5}}})").value();
  const auto answer = send({{.seq = 1}, {.seq = 2}});
  REQUIRE(answers[answer].has_value());
  const Error& error = answers[answer]->error();
  CHECK(error.code == Code::kInvalid);
  REQUIRE(error.fields.size() == 2);
  CHECK(error.fields[1].path == "samples[1].metrics.t");
  store.commit_all();
  CHECK(service.progress(kBoiler).offset == 0);
}

TEST_CASE_FIXTURE(Fixture, "what is admitted in one turn goes to the store as one block") {
  is_turn_over = false;
  const std::size_t commits = store.disk().commits();
  const auto first = send({{.seq = 1}});
  const auto second = send({{.seq = 2}, {.seq = 2}, {.seq = 3}});
  const auto third = send({{.seq = 3}});
  store.commit_all();
  CHECK(told.empty());
  service.flush();
  store.commit_all();
  CHECK(store.disk().commits() == commits + 1);
  CHECK(counts(first) == Counts{1, 0});
  CHECK(counts(second) == Counts{2, 1});
  CHECK(counts(third) == Counts{0, 1});
  REQUIRE(told.size() == 3);
  CHECK(told[2].offset == 3);
  CHECK(told[2].seq == 3);
  CHECK(told[2].metrics == R"({"t":1})");
}

TEST_CASE_FIXTURE(Fixture, "what waits for the end of its turn fails with what it rests on") {
  send({{.seq = 1}});
  is_turn_over = false;
  const auto waiting = send({{.seq = 2}});
  store.fail_all();
  REQUIRE(answers[waiting].has_value());
  CHECK(answers[waiting]->error().code == Code::kOverloaded);
  CHECK(told.empty());
  const auto again = send({{.seq = 1}, {.seq = 2}});
  service.flush();
  store.commit_all();
  CHECK(counts(again) == Counts{2, 0});
  REQUIRE(told.size() == 2);
  CHECK(told[1].offset == 2);
}

}  // namespace fairlead::telemetry
