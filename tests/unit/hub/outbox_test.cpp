#include "hub/outbox.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "support/json.h"

namespace fairlead::hub {
namespace {

/// Takes everything and gives it to nobody until the test says so.
class SlowTransport final : public net::Transport {
 public:
  std::uint64_t send(SharedFrame frame) override {
    frame->for_each_payload([&](std::string_view each) { send(frame->kind(), each); });
    return queued;
  }
  std::uint64_t send(MessageKind kind, std::string_view payload) override {
    queued += FrameHeader(kind, payload.size()).bytes().size() + payload.size();
    sent.emplace_back(payload);
    return queued;
  }
  void ping() override {}
  void close(std::uint16_t, std::string_view) override {}
  void terminate() override {}
  void pause_reading() override {}
  void resume_reading() override {}
  std::uint64_t queued_bytes() const override { return queued; }
  std::uint64_t written() const override { return 0; }
  void hand_over(std::move_only_function<void(std::unique_ptr<net::Transport>)>) override {}

  std::uint64_t queued = 0;
  std::vector<std::string> sent;
};

struct Fixture {
  Event event(const std::string& payload, std::int64_t at, protocol::DeviceKey device = 1) const {
    return {.event_class = EventClass::kTelemetry,
            .frame = make_frame(MessageKind::kText, payload),
            .device = device,
            .at = at};
  }
  static Recipient recipient(std::initializer_list<SubscriptionNumber> subscriptions,
                             std::int64_t min_interval_ms = 0) {
    Recipient made;
    made.subscriptions.assign(subscriptions.begin(), subscriptions.end());
    made.min_interval_ms = min_interval_ms;
    return made;
  }

  SlowTransport transport;
  Encoder encoder;
  Outbox outbox{transport, 1000, encoder, protocol::Codec::kJson};
};

const std::string kBig(300, 'x');

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "what a slow reader loses is counted for each subscription and told first") {
  outbox.telemetry(event(kBig, 1), recipient({1, 2}));
  outbox.telemetry(event(kBig, 2), recipient({1, 2}));
  outbox.telemetry(event(kBig, 3), recipient({2}));
  CHECK(transport.sent.size() == 1);
  CHECK(outbox.dropped() == 2);
  transport.queued = 0;
  outbox.telemetry(event("next", 4), recipient({1}));
  REQUIRE(transport.sent.size() == 3);
  CHECK(transport.sent[1] == R"({"type":"lag","subscription":"s1","dropped":1,"since":2})");
  CHECK(transport.sent[2] == "next");
  outbox.telemetry(event("last", 5), recipient({1, 2}));
  REQUIRE(transport.sent.size() == 5);
  CHECK(transport.sent[3] == R"({"type":"lag","subscription":"s2","dropped":2,"since":2})");
}

TEST_CASE_FIXTURE(Fixture,
                  "what must not be dropped is kept up to the bound, then the reader is too slow") {
  outbox.telemetry(event(kBig, 1), recipient({1}));
  CHECK(outbox.control(make_frame(MessageKind::kText, kBig)));
  CHECK(outbox.control(make_frame(MessageKind::kText, kBig)));
  CHECK_FALSE(outbox.control(make_frame(MessageKind::kText, kBig)));
}

TEST_CASE_FIXTURE(Fixture, "the losses of a subscription that ended are not told") {
  outbox.telemetry(event(kBig, 1), recipient({1}));
  outbox.telemetry(event(kBig, 2), recipient({1}));
  outbox.forget(1);
  transport.queued = 0;
  outbox.telemetry(event("next", 3), recipient({1}));
  CHECK(transport.sent.back() == "next");
  CHECK(transport.sent.size() == 2);
}

TEST_CASE_FIXTURE(Fixture,
                  "with an interval the newest whole sample of each device comes when it is due") {
  outbox.conflate(event("a1", 1, 1), recipient({1}, 100), 1000);
  outbox.conflate(event("b1", 1, 2), recipient({1}, 100), 1000);
  outbox.conflate(event("a2", 2, 1), recipient({1}, 100), 1010);
  outbox.conflate(event("a3", 3, 1), recipient({1}, 100), 1090);
  CHECK(transport.sent == std::vector<std::string>{"a1", "b1"});
  // Of a2 and a3 only the newer is kept.
  CHECK(outbox.kept_bytes() == event("a3", 3, 1).frame->wire().size());
  CHECK(outbox.flush_conflated(1099) == 1100);
  CHECK(transport.sent.size() == 2);
  CHECK(outbox.flush_conflated(1100) == 1200);
  CHECK(transport.sent == std::vector<std::string>{"a1", "b1", "a3"});
  CHECK(outbox.kept_bytes() == 0);
  // After a quiet interval nothing is remembered, and the next one comes at once.
  CHECK_FALSE(outbox.flush_conflated(1200).has_value());
  outbox.conflate(event("a4", 4, 1), recipient({1}, 100), 1300);
  CHECK(transport.sent.back() == "a4");
  CHECK(outbox.dropped() == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "delivered and dropped are together what was offered, however it comes") {
  SeededRandom random(11);
  std::uint64_t told = 0;
  std::uint64_t delivered = 0;
  std::size_t seen = 0;
  const auto read_all = [&] {
    for (; seen < transport.sent.size(); ++seen) {
      const std::string& message = transport.sent[seen];
      const auto lag = support::Json::parse(message);
      if (lag["type"] == "lag") {
        told += static_cast<std::uint64_t>(lag["dropped"].as_int());
      } else {
        // What was lost before this sample was told before it.
        CHECK(lag["n"].as_int() == static_cast<std::int64_t>(told + delivered + 1));
        ++delivered;
      }
    }
  };
  constexpr int kOffered = 5000;
  for (int n = 1; n <= kOffered; ++n) {
    outbox.telemetry(event(R"({"n":)" + std::to_string(n) + R"(,"x":")" + kBig + "\"}", n),
                     recipient({1}));
    if (random.below(4) == 0) transport.queued = 0;
    read_all();
  }
  CHECK(told < outbox.dropped() + 1);
  CHECK(delivered + outbox.dropped() == kOffered);
  CHECK(outbox.dropped() > 100);
}

TEST_CASE_FIXTURE(Fixture, "a conflated sample that finds no room when it is due counts as lost") {
  outbox.conflate(event("a1", 1), recipient({1}, 100), 1000);
  outbox.conflate(event("a2", 2), recipient({1}, 100), 1010);
  transport.queued = 1000;
  outbox.flush_conflated(1100);
  CHECK(outbox.dropped() == 1);
  transport.queued = 0;
  outbox.conflate(event("a3", 3), recipient({1}, 100), 1300);
  REQUIRE(transport.sent.size() == 3);
  CHECK(transport.sent[1] == R"({"type":"lag","subscription":"s1","dropped":1,"since":2})");
  CHECK(transport.sent[2] == "a3");
}

TEST_CASE_FIXTURE(Fixture, "a subscription that ended takes its conflated samples along") {
  outbox.conflate(event("a1", 1, 1), recipient({1}, 100), 1000);
  outbox.conflate(event("b1", 1, 2), recipient({1, 2}, 100), 1000);
  outbox.conflate(event("a2", 2, 1), recipient({1}, 100), 1010);
  outbox.conflate(event("b2", 2, 2), recipient({1, 2}, 100), 1010);
  outbox.forget(1);
  CHECK(outbox.kept_bytes() == event("b2", 2, 2).frame->wire().size());
  outbox.flush_conflated(1100);
  CHECK(transport.sent == std::vector<std::string>{"a1", "b1", "b2"});
}

}  // namespace fairlead::hub
