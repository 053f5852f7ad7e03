#include "net/deadline_wheel.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "base/random.h"

using fairlead::SystemRandom;
using fairlead::net::DeadlineWheel;
using fairlead::net::Pollable;

namespace {

struct Thing final : Pollable {
  void on_events(std::uint32_t) override {}
};

std::vector<Pollable*> run(DeadlineWheel& wheel, std::int64_t now_ms) {
  std::vector<Pollable*> fired;
  wheel.run_due(now_ms, [&](Pollable& pollable) { fired.push_back(&pollable); });
  return fired;
}

}  // namespace

TEST_CASE("a deadline fires in its millisecond and never before, however far it is") {
  constexpr std::int64_t kBegin = 1'000'003;
  for (const std::int64_t ahead : {0, 1, 15, 16, 17, 1000, 65'535, 65'536, 70'000, 300'000}) {
    CAPTURE(ahead);
    DeadlineWheel wheel(kBegin);
    Thing thing;
    wheel.set(thing, kBegin + ahead);
    std::int64_t now = kBegin;
    if (ahead > 0) CHECK(run(wheel, kBegin + ahead - 1).empty());
    // What it announces is enough to be in time.
    while (wheel.next_ms() && now < kBegin + ahead) {
      now = std::max(now, *wheel.next_ms());
      const auto fired = run(wheel, now);
      CHECK(fired.size() == (now == kBegin + ahead ? 1 : 0));
    }
    if (ahead == 0) CHECK(run(wheel, now).size() == 1);
    CHECK(now == kBegin + ahead);
    CHECK(run(wheel, now + 1'000'000).empty());
  }
}

TEST_CASE("a deadline may be moved both ways and called off, and goes with its pollable") {
  DeadlineWheel wheel(0);
  Thing moved;
  Thing called_off;
  auto destroyed = std::make_unique<Thing>();
  wheel.set(moved, 100);
  wheel.set(called_off, 100);
  wheel.set(*destroyed, 100);
  wheel.set(moved, 5000);
  wheel.set(called_off, 0);
  destroyed.reset();
  CHECK(run(wheel, 4999).empty());
  wheel.set(moved, 4999);
  CHECK(run(wheel, 4999) == std::vector<Pollable*>{&moved});
  CHECK_FALSE(wheel.next_ms().has_value());
}

TEST_CASE("what is set or destroyed while others fire is heeded") {
  DeadlineWheel wheel(0);
  Thing again;
  auto victim = std::make_unique<Thing>();
  wheel.set(again, 10);
  wheel.set(*victim, 10);
  int fired = 0;
  wheel.run_due(20, [&](Pollable& pollable) {
    ++fired;
    victim.reset();
    wheel.set(pollable, 20);
  });
  CHECK(fired == 1);
  CHECK(run(wheel, 20) == std::vector<Pollable*>{&again});
}

TEST_CASE("random deadlines, moved and called off, all fire as a plain list says") {
  SystemRandom random;
  std::vector<std::unique_ptr<Thing>> things;
  things.reserve(100);
  for (int i = 0; i < 100; ++i) things.push_back(std::make_unique<Thing>());
  std::vector<std::int64_t> expected(things.size(), 0);
  DeadlineWheel wheel(0);
  std::int64_t now = 0;
  for (int step = 0; step < 5000; ++step) {
    const std::size_t which = random.below(things.size());
    expected[which] =
        random.below(4) == 0 ? 0 : now + 1 + static_cast<std::int64_t>(random.below(100'000));
    wheel.set(*things[which], expected[which]);
    now += static_cast<std::int64_t>(random.below(random.below(50) == 0 ? 90'000 : 300));
    std::vector<bool> fired(things.size(), false);
    for (const Pollable* pollable : run(wheel, now)) {
      for (std::size_t i = 0; i < things.size(); ++i) {
        if (things[i].get() == pollable) fired[i] = true;
      }
    }
    for (std::size_t i = 0; i < things.size(); ++i) {
      const bool is_due = expected[i] != 0 && expected[i] <= now;
      REQUIRE(fired[i] == is_due);
      if (is_due) expected[i] = 0;
      if (expected[i] != 0) REQUIRE(*wheel.next_ms() <= expected[i]);
    }
  }
}
