// Power that goes, and calls that fail, at every place: nothing acked is lost or doubled, and the
// store repairs itself. FAIRLEAD_FAULT_ROUNDS=n does n times as much.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>

#include "store/sqlite/check.h"
#include "store/sqlite/data_directory.h"
#include "store/sqlite/segment_index.h"
#include "unit/store/faulty_disk.h"
#include "unit/store/world.h"

namespace fairlead::store::test {
namespace {

int scale() {
  const char* wanted = std::getenv("FAIRLEAD_FAULT_ROUNDS");
  return wanted == nullptr ? 1 : std::max(1, std::atoi(wanted));
}

/// The real writer's backend, sealer and reader over one directory, and what was acked of it.
class Life {
 public:
  explicit Life(std::filesystem::path data, std::uint64_t seed)
      : data_(std::move(data)), random_(seed) {
    std::filesystem::create_directories(data_);
    // Samples arrive in its first minutes.
    clock_.now = 1'000'000;
  }

  /// An error is a start that is refused.
  Result<void> open() {
    const auto file = sqlite::DataDirectory::database_in(data_);
    const SegmentLimits limits{.rows = 40, .age_ms = 3'600'000};
    auto backend = sqlite::Backend::open(file, true, clock_, limits);
    if (!backend) return std::unexpected(backend.error());
    backend_ = std::move(*backend);
    auto sealer = sqlite::Sealer::open(
        file, backend_->segments(), clock_, limits, {},
        [this](const sqlite::Chore& chore) { return backend_->perform(chore); });
    if (!sealer) return std::unexpected(sealer.error());
    sealer_ = std::move(*sealer);
    auto reader = sqlite::Reader::open(file, backend_->segments());
    if (!reader) return std::unexpected(reader.error());
    reader_ = std::move(*reader);
    return {};
  }
  void close() {
    reader_.reset();
    sealer_.reset();
    backend_.reset();
  }

  /// One thing that a hub does; false when the store said that it failed.
  bool act() {
    const std::uint64_t choice = random_.below(20);
    if (choice < 11) return append();
    if (choice < 16) return seal();
    if (choice < 17) return remove();
    if (choice < 18) {
      clock_.now += 3'000'000;
      return true;
    }
    backend_->maintain();
    return true;
  }

  /// Everything that is due is done.
  void settle() {
    while (true) {
      const Result<bool> did = sealer_->step();
      REQUIRE_MESSAGE(did, did.error().message);
      backend_->maintain();
      if (!*did) return;
    }
  }

  /// What is stored is what was acked, and perhaps more of what was tried; from now on that is
  /// acked. Without `may_have_more` it is exactly what was acked.
  void verify(bool may_have_more) {
    const auto loaded = reader_->load(clock_.now);
    REQUIRE_MESSAGE(loaded, loaded.error().message);
    std::set<std::int64_t> there;
    for (const LoadedDevice& found : loaded->devices) {
      const std::int64_t key = found.device.key;
      CAPTURE(key);
      there.insert(key);
      Known& known = known_.at(key);
      REQUIRE(!known.is_removed);
      REQUIRE(found.progress.offset >= known.acked);
      REQUIRE(found.progress.offset <= (may_have_more ? known.tried : known.acked));
      REQUIRE(found.progress.last_seq == found.progress.offset);
      known.acked = known.tried = found.progress.offset;
      known.is_saved = true;
      verify_samples(key, known.acked, found.latest);
    }
    for (auto& [key, known] : known_) {
      if (there.contains(key)) continue;
      CAPTURE(key);
      REQUIRE((!known.is_saved || known.is_removed || (may_have_more && known.may_be_removed)));
      known.is_removed = true;
    }
  }

  void check() const {
    const auto problems = sqlite::check(data_);
    REQUIRE_MESSAGE(problems, problems.error().message);
    REQUIRE_MESSAGE(problems->empty(), problems->front());
  }

 private:
  struct Known {
    std::int64_t acked = 0;
    std::int64_t tried = 0;
    bool is_saved = false;
    bool may_be_removed = false;
    bool is_removed = false;
  };

  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(bound)));
  }

  bool commit(std::vector<Write> writes) { return backend_->commit(writes).has_value(); }

  bool append() {
    const std::int64_t key = 1 + below(3) + 3 * generation_;
    Known& known = known_[key];
    if (known.is_removed || known.may_be_removed) return true;
    std::vector<Write> writes;
    if (!known.is_saved) writes.emplace_back(SaveDevice{a_device(key)});
    const std::int64_t last = known.acked + 1 + below(9);
    writes.emplace_back(StoreSamples{batch(key, known.acked + 1, last)});
    known.tried = std::max(known.tried, last);
    if (!commit(std::move(writes))) return false;
    known.acked = last;
    known.is_saved = true;
    return true;
  }

  /// Every second device is late now and then; the same number is always the same sample.
  static std::shared_ptr<const telemetry::SampleBlock> batch(std::int64_t key, std::int64_t first,
                                                             std::int64_t last) {
    Batch batch = a_batch(key, first, last);
    for (telemetry::Sample& sample : batch.samples) sample.ts = ts_of(key, sample.offset);
    return block_of(batch);
  }
  static std::int64_t ts_of(std::int64_t key, std::int64_t offset) {
    return 10'000 * (key % 2 == 0 && offset % 5 == 0 ? offset / 2 : offset);
  }

  bool seal() {
    const Result<bool> did = sealer_->step();
    backend_->maintain();
    return did.has_value();
  }

  bool remove() {
    const std::int64_t key = 1 + below(3) + 3 * generation_;
    Known& known = known_[key];
    if (!known.is_saved || known.is_removed) return true;
    ++generation_;
    known.may_be_removed = true;
    std::vector<Write> writes;
    writes.emplace_back(RemoveDevice{key});
    if (!commit(std::move(writes))) return false;
    known.is_removed = true;
    return true;
  }

  void verify_samples(std::int64_t key, std::int64_t last, const telemetry::Latest& latest) {
    std::int64_t next = 1;
    while (true) {
      const auto page = reader_->read_from(key, next, 7);
      REQUIRE_MESSAGE(page, page.error().message);
      for (const telemetry::Sample& sample : page->samples) {
        REQUIRE(sample.offset == next);
        REQUIRE(sample.metrics == a_sample(next).metrics);
        REQUIRE(sample.ts == ts_of(key, next));
        ++next;
      }
      if (!page->has_more) break;
    }
    REQUIRE(next == last + 1);
    REQUIRE(latest.offset() == last);
    telemetry::BucketRange range;
    range.device = key;
    range.bucket_ms = 60'000;
    range.limit = 100'000;
    const auto buckets = reader_->read_buckets(range);
    REQUIRE_MESSAGE(buckets, buckets.error().message);
    std::int64_t count = 0;
    for (const telemetry::Bucket& bucket : buckets->buckets) {
      count += bucket.metrics.front().second.count;
    }
    REQUIRE(count == last);
  }

  const std::filesystem::path data_;
  SeededRandom random_;
  HandClock clock_;
  std::unique_ptr<sqlite::Backend> backend_;
  std::unique_ptr<sqlite::Sealer> sealer_;
  std::unique_ptr<sqlite::Reader> reader_;
  std::map<std::int64_t, Known> known_;
  std::int64_t generation_ = 0;
};

void must_open(Life& life) {
  const Result<void> opened = life.open();
  REQUIRE_MESSAGE(opened, opened.error().message);
}

/// All calls of one life without faults: `actions` of them behind the start.
std::int64_t calls_of(std::uint64_t seed, int actions) {
  const TemporaryDirectory directory;
  const FaultyDisk disk(directory.path() / "data");
  Life life(directory.path() / "data", seed);
  must_open(life);
  for (int i = 0; i < actions; ++i) REQUIRE(life.act());
  life.close();
  return disk.calls();
}

}  // namespace

TEST_CASE("power that goes at any moment takes nothing that was acked, and leaves nothing twice") {
  const std::uint64_t first = std::getenv("FAIRLEAD_FAULT_SEED") == nullptr
                                  ? 1
                                  : std::strtoull(std::getenv("FAIRLEAD_FAULT_SEED"), nullptr, 10);
  for (std::uint64_t seed = first; seed < first + 6 * static_cast<std::uint64_t>(scale()); ++seed) {
    CAPTURE(seed);
    const TemporaryDirectory directory;
    SeededRandom random(seed * 7919);
    FaultyDisk disk(directory.path() / "data");
    Life life(directory.path() / "data", seed);
    for (int round = 0; round < 8; ++round) {
      CAPTURE(round);
      disk.cut_power_after(static_cast<std::int64_t>(random.below(600)));
      if (life.open()) {
        for (int i = 0; i < 300 && !disk.has_failed(); ++i) life.act();
      }
      life.close();
      disk.lose_power(random);
      must_open(life);
      life.verify(true);
      if (random.below(2) == 0) {
        life.settle();
        life.verify(false);
      }
      life.check();
      life.close();
    }
  }
}

TEST_CASE("a call that fails, whichever it is, costs nothing that was acked, and no restart") {
  constexpr int kActions = 120;
  const std::uint64_t seed = 5;
  const std::int64_t calls = calls_of(seed, kActions);
  REQUIRE(calls > 500);
  // A prime, so that each run of the program may begin elsewhere without meeting a pattern.
  const std::int64_t step = std::max<std::int64_t>(1, 97 / scale());
  for (std::int64_t call = 0; call < calls; call += step) {
    CAPTURE(call);
    const TemporaryDirectory directory;
    SeededRandom random(static_cast<std::uint64_t>(call));
    FaultyDisk disk(directory.path() / "data");
    Life life(directory.path() / "data", seed);
    disk.fail_after(call, random.below(2) == 0 ? EIO : ENOSPC,
                    1 + static_cast<std::int64_t>(random.below(3)));
    if (!life.open()) {
      life.close();
      disk.heal();
      must_open(life);
    }
    for (int i = 0; i < kActions; ++i) life.act();
    disk.heal();
    // What the kernel shows to a next life need not be on the disk where a sync failed.
    const bool dies_between = random.below(2) == 0;
    if (dies_between) {
      life.close();
      must_open(life);
    }
    life.verify(dies_between);
    life.settle();
    for (int i = 0; i < 20; ++i) REQUIRE(life.act());
    life.verify(false);
    life.close();
    disk.lose_power(random);
    must_open(life);
    life.verify(true);
    life.settle();
    life.check();
    life.close();
  }
}

TEST_CASE("a segment that cannot be taken away at once goes at the next try") {
  const std::int64_t step = std::max(1, 4 / scale());
  for (std::int64_t call = 0;; call += step) {
    CAPTURE(call);
    SegmentedWorld world({.rows = 5});
    world.clock.now = 30'000;
    world.seals_by_itself = false;
    FaultyDisk disk(world.directory());
    world.reopen();
    Shard<SegmentedWorld> shard(world);
    REQUIRE(shard.stores([&](auto done) { shard.store().save(a_device(1), std::move(done)); }));
    for (int i = 0; i < 6; ++i) {
      REQUIRE(shard.stores([&](auto done) {
        shard.store().append(a_block(1, 1 + 5 * i, 5 + 5 * i), std::move(done));
      }));
    }
    while (*world.step_sealer()) continue;
    REQUIRE(world.segments().view()->sealed.size() == 5);
    // All but the open one are too much, from the next life on.
    world.retention.bytes = 1;
    world.reopen();
    disk.fail_after(call, EIO);
    for (int i = 0; i < 20; ++i) static_cast<void>(world.step_sealer());
    const bool has_failed = disk.has_failed();
    disk.heal();
    while (*world.step_sealer()) continue;
    REQUIRE(world.segments().view()->sealed.empty());
    for (std::int64_t id = 1; id <= 5; ++id) REQUIRE(!std::filesystem::exists(world.segment(id)));
    const auto index =
        sqlite::SegmentIndex::open(world.segments().index_file(), sqlite::Access::kReader);
    REQUIRE(index);
    REQUIRE((*index)->whole()->empty());
    REQUIRE((*index)->extents(1)->empty());
    if (!has_failed) {
      REQUIRE(call > 10);
      break;
    }
  }
}

}  // namespace fairlead::store::test
