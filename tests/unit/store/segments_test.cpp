// Telemetry in segments: the same answers as without, and repaired wherever the end came.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <limits>
#include <map>

#include "base/random.h"
#include "unit/store/world.h"

namespace fairlead::store::test {
namespace {

constexpr std::int64_t kDayMs = 24LL * 60 * 60 * 1000;

template <typename World>
struct Side {
  World world;
  std::optional<Shard<World>> shard{std::in_place, world};

  void save(protocol::DeviceKey device) {
    REQUIRE(
        shard->stores([&](auto done) { shard->store().save(a_device(device), std::move(done)); }));
  }
  void append(const Batch& batch) {
    REQUIRE(
        shard->stores([&](auto done) { shard->store().append(block_of(batch), std::move(done)); }));
  }
  void remove(protocol::DeviceKey device) {
    REQUIRE(shard->stores([&](auto done) { shard->store().remove(device, std::move(done)); }));
  }
  telemetry::Page read(const telemetry::Range& range) {
    auto page = shard->template wait<telemetry::Page>(
        [&](auto done) { shard->store().read(range, std::move(done)); });
    REQUIRE_MESSAGE(page, page.error().message);
    return *page;
  }
  telemetry::Page read_from(protocol::DeviceKey device, std::int64_t first, std::size_t limit) {
    auto page = shard->template wait<telemetry::Page>(
        [&](auto done) { shard->store().read_from(device, first, limit, std::move(done)); });
    REQUIRE_MESSAGE(page, page.error().message);
    return *page;
  }
  telemetry::BucketPage read_buckets(const telemetry::BucketRange& range) {
    auto page = shard->template wait<telemetry::BucketPage>(
        [&](auto done) { shard->store().read_buckets(range, std::move(done)); });
    REQUIRE_MESSAGE(page, page.error().message);
    return *page;
  }
  std::int64_t first_since(protocol::DeviceKey device, std::int64_t since) {
    return *shard->template wait<std::int64_t>(
        [&](auto done) { shard->store().first_since(device, since, std::move(done)); });
  }
  void reopen() {
    shard.reset();
    world.reopen();
    shard.emplace(world);
  }
};

void check_same(const telemetry::Page& one, const telemetry::Page& other) {
  REQUIRE(offsets_of(one) == offsets_of(other));
  REQUIRE(one.samples == other.samples);
  REQUIRE(one.has_more == other.has_more);
}

/// A store in memory and one in segments that hear and are asked the same.
class Twins {
 public:
  explicit Twins(std::uint64_t seed)
      : random_(seed),
        scale_(std::array{1, 60, 3600, 40'000}.at(seed % 4)),
        segmented_{.world = SegmentedWorld({.rows = 1 + below(12)})} {}

  void move() {
    switch (random_.below(10)) {
      case 0:
        remove();
        break;
      case 1:
        memory_.reopen();
        segmented_.reopen();
        break;
      default:
        append();
    }
  }

  void compare() {
    for (const auto& [device, last] : offsets_) {
      for (int i = 0; i < 4; ++i) {
        const telemetry::Range range = a_range(device);
        check_same_walk(range);
        check_same_buckets(range);
      }
      const std::int64_t first = 1 + below(last + 2);
      const auto limit = static_cast<std::size_t>(1 + below(9));
      check_same(memory_.read_from(device, first, limit),
                 segmented_.read_from(device, first, limit));
      const std::int64_t since = below(1000 * (last + 2));
      REQUIRE(memory_.first_since(device, since) == segmented_.first_since(device, since));
    }
    const Loaded one = *memory_.world.load();
    const Loaded other = *segmented_.world.load();
    REQUIRE(one.devices.size() == other.devices.size());
    for (std::size_t i = 0; i < one.devices.size(); ++i) {
      REQUIRE(one.devices[i].progress == other.devices[i].progress);
      std::string left;
      std::string right;
      one.devices[i].latest.write_json(left);
      other.devices[i].latest.write_json(right);
      REQUIRE(left == right);
    }
  }

 private:
  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(bound)));
  }

  void append() {
    const std::int64_t device = 1 + below(4) + 4 * generation_;
    if (!offsets_.contains(device)) {
      memory_.save(device);
      segmented_.save(device);
    }
    std::int64_t& last = offsets_[device];
    Batch batch = a_batch(device, last + 1, last + 1 + below(5));
    last += static_cast<std::int64_t>(batch.samples.size());
    // Every second device is late now and then, or tells several values of one time.
    for (telemetry::Sample& sample : batch.samples) {
      if (device % 2 == 0) sample.ts = 1000 * below(2 + last);
      if (device % 4 == 1) sample.ts = sample.ts / 3000 * 3000;
      sample.ts *= scale_;
      if (below(4) == 0) sample.metrics = R"({"mode":"eco","on":true,"temperature":-3.50})";
    }
    memory_.append(batch);
    segmented_.append(batch);
  }

  void remove() {
    if (offsets_.empty()) return;
    const protocol::DeviceKey device = offsets_.begin()->first;
    memory_.remove(device);
    segmented_.remove(device);
    offsets_.erase(device);
    // A key is never given again.
    if (offsets_.empty()) ++generation_;
    removed_.push_back(device);
    if (removed_.size() % 4 == 0) ++generation_;
  }

  telemetry::Range a_range(protocol::DeviceKey device) {
    const std::int64_t last = offsets_.at(device);
    telemetry::Range range;
    range.device = device;
    range.from_ts = below(2) == 0 ? 0 : scale_ * below(1000 * (last + 1));
    if (below(2) == 0) range.to_ts = range.from_ts + scale_ * below(1000 * (last + 2));
    range.is_descending = below(2) == 0;
    range.limit = static_cast<std::size_t>(1 + below(7));
    return range;
  }

  /// Page by page to the end.
  void check_same_walk(telemetry::Range range) {
    while (true) {
      const telemetry::Page one = memory_.read(range);
      check_same(one, segmented_.read(range));
      if (!one.has_more) return;
      range.after = {.ts = one.samples.back().ts, .offset = one.samples.back().offset};
    }
  }

  void check_same_buckets(const telemetry::Range& rows) {
    telemetry::BucketRange range{.device = rows.device,
                                 .from_ts = rows.from_ts,
                                 .to_ts = rows.to_ts,
                                 .bucket_ms = kLengths.at(random_.below(kLengths.size())),
                                 .is_descending = rows.is_descending,
                                 .limit = rows.limit};
    if (below(3) == 0) range.metrics = {"mode", "temperature"};
    CAPTURE(range.bucket_ms);
    CAPTURE(range.from_ts);
    CAPTURE(range.to_ts);
    CAPTURE(range.is_descending);
    while (true) {
      const telemetry::BucketPage one = memory_.read_buckets(range);
      const telemetry::BucketPage other = segmented_.read_buckets(range);
      REQUIRE(one.buckets.size() == other.buckets.size());
      REQUIRE(one.buckets == other.buckets);
      REQUIRE(one.has_more == other.has_more);
      if (!one.has_more) return;
      range.after = one.buckets.back().ts;
    }
  }

  static constexpr std::array<std::int64_t, 8> kLengths = {
      500, 60'000, 300'000, 3'600'000, 7'200'000, 86'400'000, 604'800'000, 90'000};

  SeededRandom random_;
  const std::int64_t scale_;
  Side<MemoryWorld> memory_{};
  Side<SegmentedWorld> segmented_;
  std::map<protocol::DeviceKey, std::int64_t> offsets_;
  std::vector<protocol::DeviceKey> removed_;
  std::int64_t generation_ = 0;
};

/// Three segments of device 1, two of them sealed.
struct Sealed : Side<SegmentedWorld> {
  Sealed() {
    world.clock.now = 30'000;
    save(1);
    save(2);
    for (const std::int64_t first : {1, 11, 21}) append(a_batch(1, first, first + 9));
  }
  std::vector<std::int64_t> all_of(protocol::DeviceKey device) {
    return offsets_of(read_from(device, 1, 1000));
  }
};

std::vector<std::int64_t> numbers(std::int64_t first, std::int64_t last) {
  std::vector<std::int64_t> all;
  for (std::int64_t number = first; number <= last; ++number) all.push_back(number);
  return all;
}

}  // namespace

TEST_CASE("what lies in segments reads as if it lay in one table") {
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    CAPTURE(seed);
    Twins twins(seed);
    for (int step = 0; step < 40; ++step) {
      twins.move();
      if (step % 8 == 7) twins.compare();
    }
  }
}

TEST_CASE("a full segment becomes a file, and its table goes when nobody reads it") {
  Sealed at;
  CHECK(at.world.segments().view()->sealed.size() == 2);
  CHECK(at.world.segments().view()->open.size() == 1);
  CHECK(std::filesystem::exists(at.world.segment(1)));
  CHECK(std::filesystem::exists(at.world.segment(2)));
  CHECK(!at.world.table_exists(1));
  CHECK(!at.world.table_exists(2));
  CHECK(at.world.table_exists(3));
}

TEST_CASE(
    "a crash at any step of sealing loses nothing, doubles nothing, and is mended by a start") {
  // The sealing thread dies at its first, second, … word to the writer.
  for (int lives = 0; lives < 4; ++lives) {
    CAPTURE(lives);
    Side<SegmentedWorld> at{.world = SegmentedWorld({.rows = 10})};
    at.world.clock.now = 30'000;
    at.save(1);
    int left = lives;
    at.world.perform = [&](const sqlite::Chore& chore) -> Result<void> {
      if (left-- <= 0) return fail(Code::kOverloaded, "it died here");
      return at.world.do_chore(chore);
    };
    at.world.seals_by_itself = false;
    at.append(a_batch(1, 1, 10));
    at.append(a_batch(1, 11, 20));
    static_cast<void>(at.world.step_sealer());
    CHECK(offsets_of(at.read_from(1, 1, 100)) == numbers(1, 20));
    at.world.perform = nullptr;
    at.reopen();
    CHECK(offsets_of(at.read_from(1, 1, 100)) == numbers(1, 20));
    at.world.seals_by_itself = true;
    at.append(a_batch(1, 21, 22));
    CHECK(offsets_of(at.read_from(1, 1, 100)) == numbers(1, 22));
    CHECK(at.world.segments().view()->sealed.size() == 2);
    CHECK(at.world.load()->devices.at(0).latest.offset() == 22);
  }
}

TEST_CASE("half a file, and one that is not on record, go at the next start") {
  Sealed at;
  const auto half = std::filesystem::path(at.world.segment(3).string() + ".new");
  std::ofstream(half) << "half a segment";
  std::ofstream(at.world.segment(3)) << "SQLite format 3";
  at.reopen();
  CHECK(!std::filesystem::exists(half));
  CHECK(!std::filesystem::exists(at.world.segment(3)));
  CHECK(at.all_of(1) == numbers(1, 30));
}

TEST_CASE("a lost index of segments is made again from them") {
  Sealed at;
  at.world.close_all();
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::filesystem::remove(at.world.directory() / "segments" / (std::string("index.db") + suffix));
  }
  at.reopen();
  CHECK(at.all_of(1) == numbers(1, 30));
}

TEST_CASE("a segment that is missing or is something else is refused at the start, by name") {
  Sealed at;
  const auto file = at.world.segment(1);
  at.world.close_all();
  std::filesystem::resize_file(file, 0);
  auto opened = sqlite::Backend::open(at.world.file(), true, at.world.clock);
  REQUIRE(!opened);
  CHECK(opened.error().message.ends_with(
      fmt::format("a part of its telemetry is missing: {}", file.string())));
  std::ofstream(file) << "something else altogether";
  opened = sqlite::Backend::open(at.world.file(), true, at.world.clock);
  REQUIRE(!opened);
  CHECK(opened.error().message.ends_with(
      fmt::format("{}: it is not a SQLite database", file.string())));
  std::filesystem::remove(file);
  opened = sqlite::Backend::open(at.world.file(), true, at.world.clock);
  REQUIRE(!opened);
  CHECK(opened.error().message.find("is missing") != std::string::npos);
}

TEST_CASE("a removed device's rows are taken out of the files") {
  Sealed at;
  at.append(a_batch(2, 1, 5));
  at.append(a_batch(1, 31, 32));
  at.remove(1);
  CHECK(at.all_of(1).empty());
  CHECK(at.all_of(2) == numbers(1, 5));
  for (const sqlite::SealedSegment& segment : at.world.segments().view()->sealed) {
    const auto file =
        sqlite::Database::open(at.world.segment(segment.id).string(), sqlite::Access::kReader);
    REQUIRE(file);
    sqlite::Statement count(**file, "SELECT count(*) FROM telemetry_data WHERE device = 1");
    sqlite::Rows rows = count.query();
    REQUIRE(*rows.next());
    CHECK(rows.integer(0) == 0);
  }
  at.reopen();
  CHECK(at.all_of(1).empty());
}

TEST_CASE("a purge that a crash cut in two is undone by the next start, and done again") {
  Sealed at;
  const auto file = at.world.segment(1);
  at.world.close_all();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto database = sqlite::Database::open(file.string(), sqlite::Access::kWriter);
    // Pages leave for the file before the end, as they do where much is deleted.
    static_cast<void>((*database)->execute(
        "PRAGMA cache_size = 1; BEGIN; UPDATE telemetry_data SET metrics = hex(zeroblob(3000));"
        "DELETE FROM telemetry_data WHERE device = 1"));
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(std::filesystem::exists(file.string() + "-journal"));
  at.reopen();
  CHECK(at.all_of(1) == numbers(1, 30));
  CHECK(at.read_from(1, 1, 1).samples.front() == a_sample(1));
}

TEST_CASE("samples that are too old go by whole segments, and what is left reads on") {
  Sealed at;
  at.world.clock.now = 20'000 + 3 * kDayMs;
  at.world.retention = {.days = 3};
  at.reopen();
  at.append(a_batch(1, 31, 31));
  // Segment 1 holds arrivals up to 10 001, segment 2 up to 20 001.
  CHECK(at.all_of(1) == numbers(11, 31));
  CHECK(!std::filesystem::exists(at.world.segment(1)));
  CHECK(at.first_since(1, 0) == 11);
  CHECK(at.world.load()->devices.at(0).latest.offset() == 31);
}

TEST_CASE("beyond a number of bytes the oldest segments go first") {
  Sealed at;
  const std::int64_t one = at.world.segments().view()->sealed.back().bytes;
  at.world.retention = {.bytes = one};
  at.reopen();
  at.append(a_batch(1, 31, 31));
  CHECK(at.all_of(1) == numbers(21, 31));
}

TEST_CASE("a segment that is old is sealed although it is not full") {
  Side<SegmentedWorld> at{.world = SegmentedWorld({.age_ms = 5000})};
  at.save(1);
  at.world.clock.now = 3000;
  at.append(a_batch(1, 1, 3));
  CHECK(at.world.segments().view()->sealed.empty());
  at.world.clock.now = 1001 + 5000;
  at.shard->settle();
  CHECK(at.world.segments().view()->sealed.size() == 1);
  CHECK(offsets_of(at.read_from(1, 1, 10)) == numbers(1, 3));
}

TEST_CASE("who reads a segment while it goes reads it to the end") {
  Sealed at;
  const auto view = at.world.segments().view();
  at.append(a_batch(1, 31, 40));
  at.append(a_batch(1, 41, 50));
  // Its table waits for the view.
  CHECK(at.world.table_exists(3));
  CHECK(view->open.back()->places_from(1, 1, 100).size() == 10);
}

}  // namespace fairlead::store::test
