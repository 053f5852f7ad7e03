// The failure rule of the writer under interleavings that a seed draws.
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <set>

#include "base/random.h"
#include "unit/store/recorder.h"

namespace fairlead::store::test {
namespace {

constexpr std::int64_t kShards = 3;
constexpr int kSteps = 120;

/// Three shards, a small writer and a disk that fails now and then.
class Play {
 public:
  explicit Play(std::uint64_t seed) : random_(seed), writer_(disk_, limits()) {
    for (std::int64_t i = 0; i < kShards; ++i) {
      Scribe& scribe = scribes_.emplace_back(writer_, reads_, i);
      // Some completions write again, failed ones too.
      scribe.on_heard = [this, i](std::int64_t, bool) {
        if (random_.below(8) == 0) put(i);
      };
    }
  }

  void run() {
    for (int step = 0; step < kSteps; ++step) move();
    disk_.failures = 0;
    bool moved = true;
    while (moved) {
      moved = writer_.step();
      for (Scribe& scribe : scribes_) {
        moved = moved || scribe.mail.size() > 0;
        scribe.mail.deliver();
      }
    }
  }

  /// Of one shard: every number was heard of once, in order; the stored ones are exactly those that
  /// were said to be, in order.
  void check(std::int64_t shard) const {
    const std::vector<std::int64_t>& heard = scribes_[static_cast<std::size_t>(shard)].heard;
    std::vector<std::int64_t> stored_as_told;
    for (std::size_t i = 0; i < heard.size(); ++i) {
      REQUIRE(std::abs(heard[i]) == static_cast<std::int64_t>(i) + 1);
      if (heard[i] > 0) stored_as_told.push_back(heard[i]);
    }
    REQUIRE(heard.size() == written_[static_cast<std::size_t>(shard)]);
    std::vector<std::int64_t> stored;
    for (const Mark& mark : disk_.all()) {
      if (mark.shard == shard) stored.push_back(mark.number);
    }
    REQUIRE(stored == stored_as_told);
  }

  const Recorder& disk() const { return disk_; }
  bool has_failed() const { return writer_.stats().failed_commits > 0; }
  std::size_t queued() const { return writer_.stats().queued_bytes; }

 private:
  static WriterLimits limits() {
    return {.transaction_bytes = 1 << 20,
            .transaction_writes = 4,
            .high_mark_bytes = 8 * sizeof(Write),
            .low_mark_bytes = 2 * sizeof(Write)};
  }

  void put(std::int64_t shard) {
    const auto index = static_cast<std::size_t>(shard);
    scribes_[index].write(static_cast<std::int64_t>(++written_[index]));
  }

  void move() {
    const auto shard = static_cast<std::int64_t>(random_.below(kShards));
    Scribe& scribe = scribes_[static_cast<std::size_t>(shard)];
    switch (random_.below(8)) {
      case 0:
      case 1:
      case 2:
        put(shard);
        break;
      case 3:
      case 4:
        writer_.step();
        break;
      case 5:
        if (scribe.mail.size() > 0) scribe.mail.deliver_one();
        break;
      case 6:
        scribe.mail.deliver();
        break;
      default:
        if (random_.below(3) == 0) disk_.failures = 1 + random_.below(2);
    }
  }

  SeededRandom random_;
  Recorder disk_;
  ReadQueue reads_{1};
  Writer writer_;
  std::deque<Scribe> scribes_;
  std::array<std::size_t, kShards> written_{};
};

}  // namespace

TEST_CASE("whatever happens when, each write is told of once, in order, and truly") {
  std::size_t with_failures = 0;
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    CAPTURE(seed);
    Play play(seed);
    play.run();
    for (std::int64_t shard = 0; shard < kShards; ++shard) play.check(shard);
    REQUIRE(play.queued() == 0);
    if (play.has_failed()) ++with_failures;
  }
  CHECK(with_failures > 1000);
}

}  // namespace fairlead::store::test
