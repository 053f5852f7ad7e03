#include <doctest/doctest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "base/random.h"
#include "base/shared_bucket.h"
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

namespace {

/// Takes so much, or says after how many ms.
std::int64_t ask(TokenBucket& bucket, const TokenBucket::Rate& rate, std::int64_t amount,
                 std::int64_t now) {
  const std::int64_t wait = bucket.wait_ms(rate, amount, now);
  if (wait == 0) bucket.take(rate, amount, now);
  return wait;
}

}  // namespace

TEST_CASE("a bucket gives its burst, then its rate, and says exactly when") {
  constexpr TokenBucket::Rate kRate{.per_second = 10, .burst = 3};
  TokenBucket bucket(kRate);
  for (int i = 0; i < 3; ++i) CHECK(ask(bucket, kRate, 1, 1000) == 0);
  CHECK(ask(bucket, kRate, 1, 1000) == 100);
  CHECK(ask(bucket, kRate, 1, 1099) == 1);
  CHECK(ask(bucket, kRate, 1, 1100) == 0);
  CHECK(ask(bucket, kRate, 1, 1100) == 100);
}

TEST_CASE("a bucket that was left alone is full, however long") {
  constexpr TokenBucket::Rate kRate{.per_second = 1, .burst = 2};
  TokenBucket bucket(kRate);
  CHECK(ask(bucket, kRate, 2, 0) == 0);
  constexpr std::int64_t kAges = std::int64_t{1} << 60;
  CHECK(ask(bucket, kRate, 2, kAges) == 0);
  CHECK(ask(bucket, kRate, 1, kAges) == 1000);
}

TEST_CASE("what is more than a burst counts as one, or it could never be taken") {
  constexpr TokenBucket::Rate kRate{.per_second = 100, .burst = 50};
  TokenBucket bucket(kRate);
  CHECK(ask(bucket, kRate, 1'000'000, 0) == 0);
  CHECK(ask(bucket, kRate, 1, 0) == 10);
  CHECK(ask(bucket, kRate, 20, 100) == 100);
  CHECK(ask(bucket, kRate, 20, 200) == 0);
}

TEST_CASE("a shared bucket says the same as one that is not, whatever is asked of them") {
  std::mt19937_64 random(7);
  for (const TokenBucket::Rate rate :
       {TokenBucket::Rate{10, 3}, {1, 1}, {1000, 50}, {4096, 8192}}) {
    TokenBucket bucket(rate);
    SharedBucket shared(rate);
    std::int64_t now = 1'000'000;
    for (int i = 0; i < 2000; ++i) {
      now += static_cast<std::int64_t>(random() % 300);
      const auto amount = static_cast<std::int64_t>(random() % 5) + 1;
      const std::int64_t wait = ask(bucket, rate, amount, now);
      // A nanosecond a take, which a millisecond more may come of.
      const std::int64_t of_shared = shared.take(amount, now);
      CHECK(of_shared >= wait);
      CHECK(of_shared <= wait + 1);
      if ((of_shared == 0) == (wait == 0)) continue;
      now += 1;
      CHECK(shared.take(amount, now) == 0);
    }
  }
}

TEST_CASE("threads that draw from one bucket get its burst together, and no more") {
  SharedBucket bucket({.per_second = 1, .burst = 10'000});
  std::atomic<int> taken = 0;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 5000; ++j) taken += bucket.take(1, 0) == 0 ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(taken == 10'000);
  CHECK(bucket.take(1, 0) == 1000);
  bucket.give_back(1);
  CHECK(bucket.take(1, 0) == 0);
}

}  // namespace fairlead
