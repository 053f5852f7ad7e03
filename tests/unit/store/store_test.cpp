// The production store: threads, and the directory it lives in.
#include "store/store.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <thread>

#include "store/sqlite/database.h"
#include "unit/store/world.h"

namespace fairlead::store::test {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

struct House {
  TemporaryDirectory directory;
  HandClock clock;
  std::filesystem::path data = directory.path() / "data";
  std::filesystem::path file = data / "fairlead.db";

  Settings settings() const {
    Settings settings;
    settings.data_dir = data;
    return settings;
  }
  Result<std::unique_ptr<Store>> open() { return Store::open(settings(), clock); }
  std::unique_ptr<Driver> driver() const { return *make_driver(settings()); }
  std::string problem() {
    const auto store = open();
    return store ? "" : store.error().message;
  }
  /// Makes the file, with one device and `samples` samples.
  void fill(std::int64_t samples) {
    auto store = open();
    REQUIRE(store);
    Mail mail;
    const auto shard = (*store)->attach(mail.post());
    shard->save(a_device(1), [](Result<void> result) { CHECK(result); });
    shard->append(a_block(1, 1, samples), [](Result<void> result) { CHECK(result); });
    REQUIRE((*store)->start());
    (*store)->stop();
    mail.deliver();
    CHECK(shard->outstanding() == 0);
  }
  void execute(const std::string& sql) {
    const auto database = sqlite::Database::open(file.string(), sqlite::Access::kWriter);
    REQUIRE(database);
    const auto done = (*database)->execute(sql);
    REQUIRE_MESSAGE(done, done.error().message);
  }
};

/// A shard's thread: runs letters until it is told to end.
class MailThread {
 public:
  Post post() {
    return [this](Letter letter) {
      {
        const std::lock_guard lock(mutex_);
        letters_.push_back(std::move(letter));
      }
      arrived_.notify_one();
    };
  }
  /// On the calling thread, until `is_done`.
  void run_until(const std::function<bool()>& is_done) {
    while (!is_done()) {
      std::vector<Letter> letters;
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [this] { return !letters_.empty(); });
      letters.swap(letters_);
      lock.unlock();
      for (Letter& letter : letters) letter();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Letter> letters_;
};

}  // namespace

TEST_CASE("the data directory is made for its owner alone, if its parent is there") {
  House at;
  REQUIRE(at.problem().empty());
  struct stat found{};
  REQUIRE(::stat(at.data.c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0700);
  at.data = at.directory.path() / "no" / "such";
  CHECK(at.problem() == fmt::format("data directory {}: cannot be made: No such file or directory",
                                    at.data.string()));
}

TEST_CASE("a file where the directory should be is refused") {
  House at;
  write_file(at.data, "a file");
  CHECK(at.problem() ==
        fmt::format("data directory {}: cannot be written: Not a directory", at.data.string()));
}

TEST_CASE("a second hub on the same directory is refused, and let in when the first has gone") {
  House at;
  auto first = at.open();
  REQUIRE(first);
  CHECK(at.problem() ==
        fmt::format("data directory {}: another fairlead uses it", at.data.string()));
  first->reset();
  CHECK(at.problem().empty());
}

TEST_CASE("a file that is no database is refused and left as it is") {
  House at;
  std::filesystem::create_directory(at.data);
  const std::string text = "not a database, but perhaps dear to somebody";
  write_file(at.file, text);
  CHECK(at.problem() == fmt::format("{}: it is not a SQLite database", at.file.string()));
  CHECK(read_file(at.file) == text);
}

TEST_CASE("an empty file is taken as a database that was never written") {
  House at;
  std::filesystem::create_directory(at.data);
  write_file(at.file, "");
  CHECK(at.problem().empty());
}

TEST_CASE("the database of another program is refused and left as it is") {
  House at;
  std::filesystem::create_directory(at.data);
  at.execute("CREATE TABLE guests (name TEXT)");
  const std::string before = read_file(at.file);
  CHECK(at.problem() == fmt::format("{}: it is the database of another program", at.file.string()));
  CHECK(read_file(at.file) == before);
}

TEST_CASE("a damaged database is refused with one line") {
  House at;
  at.fill(2000);
  std::string bytes = read_file(at.file);
  SUBCASE("its second half is gone") { bytes.resize(4096 * 3); }
  SUBCASE("its pages are noise behind the header") {
    for (std::size_t i = 100; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31);
  }
  SUBCASE("its tables of devices are noise") {
    for (std::size_t i = 4096; i < 4096 * 12; ++i) bytes[i] = static_cast<char>(i * 31);
  }
  write_file(at.file, bytes);
  const std::string problem = at.problem();
  CHECK(problem.starts_with(at.file.string() + ": "));
  CHECK(problem.find('\n') == std::string::npos);
  CHECK((problem.find("malformed") != std::string::npos ||
         problem.find("damaged") != std::string::npos));
  CHECK(read_file(at.file) == bytes);
}

TEST_CASE("a newer schema and a changed migration are refused") {
  House at;
  at.fill(1);
  SUBCASE("newer") {
    at.execute("INSERT INTO schema_migrations VALUES (1000, '1000_future', 'x', 0)");
    CHECK(
        at.problem() ==
        fmt::format("{}: its schema (version 1000) is newer than this program (version {}): use a "
                    "newer fairlead",
                    at.file.string(), sqlite_migrations().back().version));
    CHECK(!at.driver()->migrations());
    CHECK(!at.driver()->migrate(at.clock));
  }
  SUBCASE("changed") {
    at.execute("UPDATE schema_migrations SET checksum = 'x' WHERE version = 1");
    CHECK(at.problem() == fmt::format("{}: its schema does not match this program: migration "
                                      "0001_initial was applied in another form",
                                      at.file.string()));
  }
}

TEST_CASE("migrations can be looked at and applied without a hub") {
  House at;
  const auto before = at.driver()->migrations();
  REQUIRE(before);
  CHECK(before->at(0).name == "0001_initial");
  CHECK(!before->at(0).applied_at);
  CHECK(!std::filesystem::exists(at.data));
  CHECK(at.driver()->migrate(at.clock) == sqlite_migrations().size());
  CHECK(at.driver()->migrate(at.clock) == 0);
  CHECK(at.driver()->migrations()->at(0).applied_at == at.clock.now);
  CHECK(at.problem().empty());
}

TEST_CASE("stopping commits what is queued, and the shard still hears of it") {
  House at;
  at.fill(50);
  auto store = at.open();
  REQUIRE(store);
  const Loaded loaded = *(*store)->load();
  REQUIRE(loaded.devices.size() == 1);
  CHECK(loaded.devices[0].progress.offset == 50);
  CHECK(loaded.devices[0].latest.offset() == 50);
}

TEST_CASE("many shards write and read at once, each in its order") {
  House at;
  auto opened = at.open();
  REQUIRE(opened);
  Store& store = **opened;
  REQUIRE(store.start());
  constexpr std::int64_t kShards = 3;
  constexpr std::int64_t kBatches = 40;
  std::vector<std::vector<std::int64_t>> stored(kShards + 1);
  std::vector<std::vector<std::int64_t>> read(kShards + 1);
  std::vector<std::thread> threads;
  for (std::int64_t key = 1; key <= kShards; ++key) {
    threads.emplace_back([&, key] {
      const auto index = static_cast<std::size_t>(key);
      MailThread mail;
      const auto shard = store.attach(mail.post());
      shard->save(a_device(key), [](Result<void>) {});
      for (std::int64_t batch = 0; batch < kBatches; ++batch) {
        shard->append(a_block(key, batch * 5 + 1, batch * 5 + 5), [&, batch](Result<void> result) {
          stored[index].push_back(result ? batch : -1);
          if (batch % 8 != 7) return;
          // Sees at least what was told to be stored.
          shard->read_from(key, batch * 5 + 5, 1, [&](Result<telemetry::Page> page) {
            read[index].push_back(page ? page->samples.at(0).offset : -1);
          });
        });
        mail.run_until(
            [&, batch] { return static_cast<std::int64_t>(stored[index].size()) + 8 > batch; });
      }
      mail.run_until(
          [&] { return stored[index].size() == kBatches && read[index].size() == kBatches / 8; });
    });
  }
  for (std::thread& thread : threads) thread.join();
  store.stop();
  for (std::size_t index = 1; index <= kShards; ++index) {
    REQUIRE(stored[index].size() == kBatches);
    for (std::size_t i = 0; i < kBatches; ++i) {
      CHECK(stored[index][i] == static_cast<std::int64_t>(i));
    }
    std::ranges::sort(read[index]);
    CHECK(read[index] == std::vector<std::int64_t>{40, 80, 120, 160, 200});
  }
  const Stats stats = store.stats();
  CHECK(stats.samples == kShards * kBatches * 5);
  CHECK(stats.queued_bytes == 0);
  CHECK(stats.reads == kShards * kBatches / 8);
  CHECK(!store.health());
}

TEST_CASE("a store may end before its shards, with work under way") {
  House at;
  auto store = at.open();
  REQUIRE(store);
  Mail mail;
  const auto shard = (*store)->attach(mail.post());
  int heard = 0;
  shard->save(a_device(1), [&heard](Result<void>) { ++heard; });
  shard->find("k-1", [&heard](auto) { ++heard; });
  store->reset();
  mail.deliver();
  CHECK(heard == 0);
}

TEST_CASE("power cuts may take commits back only where the operator allows it") {
  House at;
  Settings settings = at.settings();
  settings.full_durability = false;
  auto store = Store::open(settings, at.clock);
  REQUIRE(store);
  Mail mail;
  const auto shard = (*store)->attach(mail.post());
  bool is_stored = false;
  shard->save(a_device(1), [&](Result<void> result) { is_stored = result.has_value(); });
  REQUIRE((*store)->start());
  (*store)->stop();
  mail.deliver();
  CHECK(is_stored);
}

}  // namespace fairlead::store::test
