#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "store/memory/simulated_store.h"
#include "store/shard_store.h"
#include "store/sqlite/backend.h"
#include "store/sqlite/reader.h"
#include "store/sqlite/sealer.h"

namespace fairlead::store::test {

class HandClock final : public Clock {
 public:
  std::int64_t now = 1'764'000'000'000;
  std::int64_t now_ms() const override { return now; }
  std::int64_t steady_ms() const override { return now; }
};

/// A directory that goes away with this object.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A shard's mail, delivered when the test says so.
class Mail {
 public:
  Post post() {
    return [letters = letters_](Letter letter) { letters->push_back(std::move(letter)); };
  }
  std::size_t size() const { return letters_->size(); }
  /// Runs what has come so far, and what comes meanwhile.
  void deliver();
  /// Runs the oldest letter only.
  void deliver_one();

 private:
  std::shared_ptr<std::vector<Letter>> letters_ = std::make_shared<std::vector<Letter>>();
};

/// The store in memory, stepped by hand.
class MemoryWorld {
 public:
  std::unique_ptr<ShardStore> attach(Post post) { return store_->attach(std::move(post)); }
  bool step_writer() { return store_->step_writer(); }
  bool step_reader() { return store_->step_reader(); }
  Result<Loaded> load() { return store_->load(); }
  void reopen() { store_.emplace(backend_, clock); }

  HandClock clock;

 private:
  memory::Backend backend_;
  std::optional<memory::SimulatedStore> store_{std::in_place, backend_, clock};
};

/// The same over real files.
class SqliteWorld {
 public:
  SqliteWorld() : SqliteWorld(SegmentLimits()) {}
  std::unique_ptr<ShardStore> attach(Post post) {
    return std::make_unique<ShardStore>(*writer_, *reads_, std::move(post));
  }
  bool step_writer() { return writer_->step(); }
  bool step_reader() { return reads_->step(*reader_); }
  Result<Loaded> load() { return reader_->load(clock.now_ms()); }
  void reopen() {
    close();
    open();
  }
  std::filesystem::path file() const { return directory_.path() / "fairlead.db"; }
  std::filesystem::path segment(std::int64_t id) const { return backend_->segments().file_of(id); }

  HandClock clock;

 protected:
  explicit SqliteWorld(SegmentLimits limits) : limits_(limits) { open(); }
  void close();
  void open();

  const SegmentLimits limits_;
  TemporaryDirectory directory_;
  std::unique_ptr<sqlite::Backend> backend_;
  std::unique_ptr<sqlite::Reader> reader_;
  std::unique_ptr<ReadQueue> reads_;
  std::unique_ptr<Writer> writer_;
};

/// SQLite whose segments hold a sample or two, and are sealed at once.
class SegmentedWorld : public SqliteWorld {
 public:
  SegmentedWorld() : SegmentedWorld({.rows = 1}) {}
  explicit SegmentedWorld(SegmentLimits limits) : SqliteWorld(limits) { open_sealer(); }

  bool step_writer();
  void reopen();
  /// One step, and what it leaves to the writer. An error where `perform` gave one.
  Result<bool> step_sealer();
  /// What the writer's thread does with it.
  Result<void> do_chore(const sqlite::Chore& chore) { return backend_->perform(chore); }
  const sqlite::Segments& segments() const { return backend_->segments(); }
  const std::filesystem::path& directory() const { return directory_.path(); }
  bool table_exists(std::int64_t segment) const;
  /// Until reopen().
  void close_all();

  /// From the next reopen() on.
  Retention retention{};
  /// Whether a step of the writer seals, too.
  bool seals_by_itself = true;
  /// Takes the place of the writer's thread where it is set.
  sqlite::Sealer::Perform perform;

 private:
  void open_sealer();

  std::unique_ptr<sqlite::Sealer> sealer_;
};

/// A shard of a world: its repositories, with calls that wait for their completion.
template <typename World>
class Shard {
 public:
  explicit Shard(World& world) : world_(world), store_(world.attach(mail_.post())) {}

  ShardStore& store() { return *store_; }
  Mail& mail() { return mail_; }

  /// Steps everything until nothing moves.
  void settle() {
    bool moved = true;
    while (moved) {
      moved = world_.step_writer();
      moved = world_.step_reader() || moved;
      moved = moved || mail_.size() > 0;
      mail_.deliver();
    }
  }

  /// `call(completion)` asks; returns what the completion got.
  template <typename T, typename Call>
  Result<T> wait(Call call) {
    std::optional<Result<T>> answer;
    call(Completion<T>([&answer](Result<T> result) { answer = std::move(result); }));
    settle();
    if (!answer) return fail(Code::kInternal, "no completion");
    return std::move(*answer);
  }

  template <typename Call>
  bool stores(Call call) {
    return wait<void>(call).has_value();
  }

 private:
  World& world_;
  Mail mail_;
  std::unique_ptr<ShardStore> store_;
};

// ---- builders -----------------------------------------------------------------------------------

devices::Device a_device(protocol::DeviceKey key, std::string id = {});
telemetry::Sample a_sample(std::int64_t offset, std::int64_t ts = 0);
/// Samples of one device, to be changed by a test before they become a block.
struct Batch {
  protocol::DeviceKey device = 0;
  std::vector<telemetry::Sample> samples;
  telemetry::Progress after;
  std::optional<std::string> latest_checkpoint;
};
std::shared_ptr<const telemetry::SampleBlock> block_of(const Batch& batch);
/// Samples `first` to `last` of a device, with ts = 1000 * offset and at = ts + 1.
std::shared_ptr<const telemetry::SampleBlock> a_block(protocol::DeviceKey device,
                                                      std::int64_t first, std::int64_t last);
Batch a_batch(protocol::DeviceKey device, std::int64_t first, std::int64_t last);
commands::Command a_command(std::string id, protocol::DeviceKey device, std::int64_t issued_at);
hub::ConnectionLog a_log(std::string connection, std::string subject = "boiler-7");
std::vector<std::int64_t> offsets_of(const telemetry::Page& page);

}  // namespace fairlead::store::test
