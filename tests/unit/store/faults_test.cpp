// What was told to be stored is there, whatever happens to the process or the disk.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <iostream>
#include <mutex>

#include "store/store.h"
#include "unit/store/world.h"

namespace fairlead::store::test {
namespace {

constexpr std::int64_t kDevices = 3;

Settings settings_for(const std::filesystem::path& data) {
  Settings settings;
  settings.data_dir = data;
  // Some segments are full, and some are being sealed, when the end comes.
  settings.segments.rows = 100;
  return settings;
}

/// What the child tells its parent: this offset of this device was acked.
struct Ack {
  std::int64_t device;
  std::int64_t offset;
};

/// A hub with one shard that appends as fast as it can and dies in the middle of a completion. It
/// runs in a child process, so it must not use doctest.
class DyingHub {
 public:
  DyingHub(const std::filesystem::path& data, int pipe, int acks)
      : store_(*Store::open(settings_for(data), clock_)), pipe_(pipe), acks_left_(acks) {
    shard_ = store_->attach([this](Letter letter) {
      const std::lock_guard lock(mutex_);
      letters_.push_back(std::move(letter));
      arrived_.notify_one();
    });
  }

  [[noreturn]] void run() {
    const Loaded loaded = *store_->load();
    for (std::int64_t key = 1; key <= kDevices; ++key) {
      offsets_[static_cast<std::size_t>(key)] = 0;
      if (loaded.devices.empty()) shard_->save(a_device(key), [](Result<void>) {});
    }
    for (const LoadedDevice& device : loaded.devices) {
      offsets_[static_cast<std::size_t>(device.device.key)] = device.progress.offset;
    }
    if (!store_->start()) ::_exit(3);
    for (int i = 0; i < 4; ++i) {
      for (std::int64_t key = 1; key <= kDevices; ++key) append(key);
    }
    while (true) deliver();
  }

 private:
  void append(std::int64_t key) {
    std::int64_t& last = offsets_[static_cast<std::size_t>(key)];
    const std::int64_t first = last + 1;
    last += 1 + last % 7;
    shard_->append(a_block(key, first, last), [this, key, acked = last](Result<void> result) {
      if (!result) ::_exit(4);
      const Ack ack{key, acked};
      if (::write(pipe_, &ack, sizeof(ack)) != sizeof(ack)) ::_exit(5);
      if (--acks_left_ == 0) ::_exit(0);
      append(key);
    });
  }

  void deliver() {
    std::vector<Letter> letters;
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return !letters_.empty(); });
    letters.swap(letters_);
    lock.unlock();
    for (Letter& letter : letters) letter();
  }

  SystemClock clock_;
  std::unique_ptr<Store> store_;
  const int pipe_;
  int acks_left_;
  std::unique_ptr<ShardStore> shard_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Letter> letters_;
  std::array<std::int64_t, kDevices + 1> offsets_{};
};

/// Runs a dying hub in a child; returns the highest offset acked of each device.
std::array<std::int64_t, kDevices + 1> run_and_die(const std::filesystem::path& data, int acks) {
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  std::cout.flush();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(pipe[0]);
    DyingHub(data, pipe[1], acks).run();
  }
  ::close(pipe[1]);
  std::array<std::int64_t, kDevices + 1> acked{};
  Ack ack{};
  while (::read(pipe[0], &ack, sizeof(ack)) == sizeof(ack)) {
    acked[static_cast<std::size_t>(ack.device)] = ack.offset;
  }
  ::close(pipe[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  return acked;
}

/// A disk that takes files of this size at most, as long as this lives.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &old_) == 0);
    rlimit small = old_;
    small.rlim_cur = bytes;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  }
  ~SmallDisk() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

 private:
  rlimit old_{};
  void (*old_handler_)(int);
};

}  // namespace

TEST_CASE("a process that dies in mid-stream has stored all it acked, without holes") {
  const TemporaryDirectory directory;
  const auto data = directory.path() / "data";
  const HandClock clock;
  for (const int acks : {1, 25, 150}) {
    const auto acked = run_and_die(data, acks);
    auto store = Store::open(settings_for(data), clock);
    REQUIRE_MESSAGE(store, store.error().message);
    const Result<Loaded> loaded = (*store)->load();
    REQUIRE(loaded);
    store->reset();
    const auto backend = sqlite::Backend::open(data / "fairlead.db", true, clock);
    REQUIRE(backend);
    const auto reader = sqlite::Reader::open(data / "fairlead.db", (*backend)->segments());
    REQUIRE(reader);
    for (const LoadedDevice& device : loaded->devices) {
      const std::int64_t last = device.progress.offset;
      CHECK(last >= acked[static_cast<std::size_t>(device.device.key)]);
      CHECK(device.progress.last_seq == last);
      CHECK(device.latest.offset() == last);
      const auto page = (*reader)->read_from(device.device.key, 1, 1'000'000);
      REQUIRE(page);
      REQUIRE(page->samples.size() == static_cast<std::size_t>(last));
      for (std::int64_t offset = 1; offset <= last; ++offset) {
        REQUIRE(page->samples[static_cast<std::size_t>(offset - 1)] == a_sample(offset));
      }
    }
  }
}

TEST_CASE("a full disk fails the commit, acks nothing, and the store recovers") {
  SqliteWorld world;
  Shard<SqliteWorld> shard(world);
  REQUIRE(shard.stores([&](auto done) { shard.store().save(a_device(1), std::move(done)); }));
  const auto append = [&](std::int64_t first, std::int64_t last) {
    return shard.wait<void>(
        [&](auto done) { shard.store().append(a_block(1, first, last), std::move(done)); });
  };
  std::int64_t stored = 0;
  {
    const SmallDisk disk(1 << 20);
    Result<void> result;
    while (result) {
      REQUIRE(stored < 100'000);
      result = append(stored + 1, stored + 500);
      if (result) stored += 500;
    }
    CHECK(result.error().code == Code::kOverloaded);
    CHECK(result.error().message.starts_with("the store cannot write: "));
    CHECK(result.error().message.find("fairlead.db") == std::string::npos);
    REQUIRE(stored > 0);
    CHECK(!append(stored + 1, stored + 500));
    const Result<Loaded> loaded = world.load();
    REQUIRE(loaded);
    CHECK(loaded->devices.at(0).progress.offset == stored);
  }
  CHECK(append(stored + 1, stored + 500));
  world.reopen();
  const Result<Loaded> loaded = world.load();
  REQUIRE(loaded);
  CHECK(loaded->devices.at(0).progress.offset == stored + 500);
  CHECK(loaded->devices.at(0).latest.offset() == stored + 500);
}

TEST_CASE("the write-ahead log stays bounded under a long stream") {
  const TemporaryDirectory directory;
  const HandClock clock;
  const auto file = directory.path() / "fairlead.db";
  auto backend = sqlite::Backend::open(file, false, clock);
  REQUIRE(backend);
  std::vector<Write> first;
  first.emplace_back(SaveDevice{a_device(1)});
  REQUIRE((*backend)->commit(first));
  std::uintmax_t largest = 0;
  for (std::int64_t commit = 0; commit < 60; ++commit) {
    Batch batch = a_batch(1, commit * 1000 + 1, commit * 1000 + 1000);
    for (telemetry::Sample& sample : batch.samples) sample.metrics.resize(1000, ' ');
    std::vector<Write> writes;
    writes.emplace_back(StoreSamples{block_of(batch)});
    REQUIRE((*backend)->commit(writes));
    (*backend)->maintain();
    largest = std::max(largest, std::filesystem::file_size(file.string() + "-wal"));
  }
  CHECK(largest > (16U << 20));
  CHECK(largest < (24U << 20));
}

namespace {

/// From here on sqlite3_memory_used() tells, which the first database that is opened turns off.
void count_allocations() {
  REQUIRE(sqlite::Database::open(":memory:", sqlite::Access::kWriter));
  sqlite3_shutdown();
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 1);
}

}  // namespace

TEST_CASE("a store that rests gives its page cache back, and reads what it needs again") {
  const TemporaryDirectory directory;
  const HandClock clock;
  count_allocations();
  auto backend = sqlite::Backend::open(directory.path() / "fairlead.db", false, clock);
  REQUIRE(backend);
  std::vector<Write> devices;
  for (std::int64_t key = 1; key <= 5000; ++key) devices.emplace_back(SaveDevice{a_device(key)});
  REQUIRE((*backend)->commit(devices));
  const std::int64_t busy = sqlite3_memory_used();
  (*backend)->rest();
  CHECK(busy > 0);
  CHECK(sqlite3_memory_used() < busy / 2);
  std::vector<Write> again;
  again.emplace_back(SaveDevice{a_device(1)});
  CHECK((*backend)->commit(again));
}

}  // namespace fairlead::store::test
