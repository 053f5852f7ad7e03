#include <doctest/doctest.h>

#include <vector>

#include "base/random.h"
#include "base/timer_wheel.h"
#include "base/token_bucket.h"

namespace fairlead {

TEST_CASE("a timer never fires early and at most a tick late") {
  for (const std::int64_t due : {1, 15, 16, 17, 1000, 65'536, 70'000, 200'000}) {
    CAPTURE(due);
    TimerWheel<int> wheel(0);
    wheel.set(due, 7);
    std::int64_t fired = 0;
    for (std::int64_t now = 1; fired == 0 && now < due + 100; ++now) {
      wheel.advance(now, [&](int key) {
        CHECK(key == 7);
        fired = now;
      });
    }
    CHECK(fired >= due);
    CHECK(fired <= due + TimerWheel<int>::kTickMs);
    CHECK(wheel.size() == 0);
  }
}

TEST_CASE("a long stop fires everything that is due, and nothing else") {
  TimerWheel<int> wheel(0);
  wheel.set(100, 1);
  wheel.set(10'000'000, 2);
  wheel.set(50, 3);
  std::vector<int> fired;
  wheel.advance(5'000'000, [&](int key) { fired.push_back(key); });
  CHECK(fired.size() == 2);
  CHECK(wheel.size() == 1);
}

TEST_CASE("a wheel says when something is due: advancing only then fires all, in order of time") {
  SystemRandom random;
  for (int run = 0; run < 200; ++run) {
    const auto begin = static_cast<std::int64_t>(random.below(1'000'000));
    TimerWheel<std::int64_t> wheel(begin);
    CHECK_FALSE(wheel.next_due_ms().has_value());
    for (int i = 0; i < 20; ++i) {
      const std::int64_t due = begin + static_cast<std::int64_t>(random.below(150'000));
      wheel.set(due, due);
    }
    std::int64_t last = 0;
    int calls = 0;
    while (const auto next = wheel.next_due_ms()) {
      ++calls;
      wheel.advance(*next, [&](std::int64_t due) {
        CHECK(due <= *next);
        CHECK(due + TimerWheel<int>::kTickMs >= *next);
        CHECK(due / TimerWheel<int>::kTickMs >= last / TimerWheel<int>::kTickMs);
        last = due;
      });
    }
    CHECK(wheel.size() == 0);
    // Beyond a round of the ring it may ask in vain, once a round.
    CHECK(calls <= 3 * 20);
  }
}

TEST_CASE("timers of one tick fire in the order in which they were set") {
  TimerWheel<int> wheel(0);
  for (int i = 0; i < 5; ++i) wheel.set(100, i);
  std::vector<int> fired;
  wheel.advance(200, [&](int key) { fired.push_back(key); });
  CHECK(fired == std::vector<int>{0, 1, 2, 3, 4});
}

TEST_CASE("a timer may be set while another fires") {
  TimerWheel<int> wheel(0);
  wheel.set(10, 1);
  int last = 0;
  for (std::int64_t now = 0; now < 200; now += 16) {
    wheel.advance(now, [&](int key) {
      last = key;
      if (key < 3) wheel.set(now, key + 1);
    });
  }
  CHECK(last == 3);
}

TEST_CASE("a bucket gives its burst, then its rate, and says exactly when") {
  constexpr TokenBucket::Rate kRate{.per_second = 10, .burst = 3};
  TokenBucket bucket(kRate);
  for (int i = 0; i < 3; ++i) CHECK(bucket.take(kRate, 1000) == 0);
  CHECK(bucket.take(kRate, 1000) == 100);
  CHECK(bucket.take(kRate, 1099) == 1);
  CHECK(bucket.take(kRate, 1100) == 0);
  CHECK(bucket.take(kRate, 1100) == 100);
}

TEST_CASE("a bucket that was left alone is full, however long") {
  constexpr TokenBucket::Rate kRate{.per_second = 1, .burst = 2};
  TokenBucket bucket(kRate);
  CHECK(bucket.take(kRate, 0) == 0);
  CHECK(bucket.take(kRate, 0) == 0);
  constexpr std::int64_t kAges = std::int64_t{1} << 60;
  CHECK(bucket.take(kRate, kAges) == 0);
  CHECK(bucket.take(kRate, kAges) == 0);
  CHECK(bucket.take(kRate, kAges) == 1000);
}

}  // namespace fairlead
