#include "store/writer.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/assert.h"

namespace fairlead::store {
namespace {

constexpr std::size_t kUsualWrites = 256;

}  // namespace

struct Writer::Shard {
  std::shared_ptr<Postbox> postbox;
  std::weak_ptr<Outstanding> outstanding;
  /// Stored, and not yet taken by a letter.
  std::atomic<std::size_t> stored = 0;
  /// Of the stepping thread: writes of earlier generations are not stored any more.
  Generation generation = 0;
  /// Of the stepping thread: its writes in the transaction under way.
  std::size_t in_transaction = 0;
  /// Guarded by the writer's mutex.
  bool is_gone = false;
};

/// A run of taken_ that is committed together.
struct Writer::Transaction {
  std::size_t first = 0;
  std::size_t count = 0;
  std::size_t bytes = 0;
  std::size_t samples = 0;
};

void Writer::Queue::clear() {
  writes.clear();
  origins.clear();
  // What a burst needed is given back when it is over.
  if (writes.capacity() <= kUsualWrites) return;
  decltype(writes)().swap(writes);
  decltype(origins)().swap(origins);
}

Writer::Writer(Backend& backend, WriterLimits limits, MemoryMeter* memory)
    : backend_(backend), limits_(limits), memory_(memory) {
  FAIRLEAD_ASSERT(limits.low_mark_bytes <= limits.high_mark_bytes);
  FAIRLEAD_ASSERT(limits.transaction_writes > 0);
}

Writer::~Writer() = default;

void Writer::tell_memory(std::int64_t change) {
  if (memory_ != nullptr) memory_->add(MemoryKind::kStore, change);
}

Writer::Shard& Writer::attach(std::shared_ptr<Postbox> postbox,
                              std::weak_ptr<Outstanding> outstanding) {
  auto shard = std::make_unique<Shard>();
  shard->postbox = std::move(postbox);
  shard->outstanding = std::move(outstanding);
  const std::lock_guard lock(mutex_);
  return *shards_.emplace_back(std::move(shard));
}

void Writer::put(Shard& shard, Generation generation, Write write) {
  const std::size_t bytes = weight(write);
  bool must_wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (shard.is_gone) return;
    incoming_.writes.push_back(std::move(write));
    incoming_.origins.push_back({&shard, generation, bytes});
    ++queued_writes_;
    queued_bytes_ += bytes;
    tell_memory(static_cast<std::int64_t>(bytes));
    if (queued_bytes_ > limits_.high_mark_bytes) is_congested_ = true;
    must_wake = std::exchange(is_waiting_, false);
  }
  if (must_wake) work_.notify_one();
}

std::optional<std::string> Writer::health() const {
  {
    const std::lock_guard lock(mutex_);
    if (health_) return health_;
  }
  const auto trouble = backend_.trouble();
  if (!trouble) return std::nullopt;
  return "store: " + *trouble;
}

Stats Writer::stats() const {
  const std::lock_guard lock(mutex_);
  Stats stats = stats_;
  stats.queued_writes = queued_writes_;
  stats.queued_bytes = queued_bytes_;
  return stats;
}

void Writer::interrupt() {
  {
    const std::lock_guard lock(mutex_);
    is_interrupted_ = true;
  }
  work_.notify_one();
}

bool Writer::wait(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  is_waiting_ = true;
  const bool woken =
      work_.wait_for(lock, limit, [this] { return is_interrupted_ || !incoming_.writes.empty(); });
  is_waiting_ = false;
  is_interrupted_ = false;
  return woken;
}

bool Writer::step() {
  if (!take()) return false;
  const Transaction transaction = next_transaction();
  if (transaction.count == 0) return true;
  const auto begin = std::chrono::steady_clock::now();
  const Result<void> result =
      backend_.commit(std::span(taken_.writes).subspan(transaction.first, transaction.count));
  if (result) {
    succeed(transaction, std::chrono::steady_clock::now() - begin);
  } else {
    fail(transaction.first, result.error().message);
  }
  backend_.maintain();
  return true;
}

/// Whether taken_ holds anything behind next_.
bool Writer::take() {
  if (next_ < taken_.writes.size()) return true;
  taken_.clear();
  next_ = 0;
  const std::lock_guard lock(mutex_);
  std::swap(taken_, incoming_);
  return !taken_.writes.empty();
}

/// Passes over writes of failed generations, then gathers up to the next such write or a limit.
Writer::Transaction Writer::next_transaction() {
  const auto is_stale = [this](std::size_t index) {
    const Origin& origin = taken_.origins[index];
    return origin.generation < origin.shard->generation;
  };
  std::size_t stale_writes = 0;
  std::size_t stale_bytes = 0;
  for (; next_ < taken_.writes.size() && is_stale(next_); ++next_) {
    ++stale_writes;
    stale_bytes += taken_.origins[next_].bytes;
  }
  if (stale_writes > 0) release(stale_writes, stale_bytes);

  Transaction transaction{.first = next_};
  while (next_ < taken_.writes.size() && !is_stale(next_)) {
    const Origin& origin = taken_.origins[next_];
    const bool is_full = transaction.count >= limits_.transaction_writes ||
                         transaction.bytes + origin.bytes > limits_.transaction_bytes;
    if (transaction.count > 0 && is_full) break;
    FAIRLEAD_ASSERT(origin.generation == origin.shard->generation);
    ++transaction.count;
    transaction.bytes += origin.bytes;
    transaction.samples += samples_in(taken_.writes[next_]);
    ++next_;
  }
  return transaction;
}

void Writer::succeed(const Transaction& transaction, std::chrono::duration<double> took) {
  const std::size_t end = transaction.first + transaction.count;
  touched_.clear();
  for (std::size_t i = transaction.first; i < end; ++i) {
    Shard* shard = taken_.origins[i].shard;
    if (shard->in_transaction++ == 0) touched_.push_back(shard);
  }
  {
    const std::lock_guard lock(mutex_);
    health_.reset();
    ++stats_.commits;
    stats_.samples += transaction.samples;
    stats_.commit_seconds.add(took.count());
    stats_.batch_writes.add(static_cast<double>(transaction.count));
  }
  // Before the completions, which rely on it: what was committed is held by nobody here any more.
  for (std::size_t i = transaction.first; i < end; ++i) taken_.writes[i] = SavePresence{};
  for (Shard* shard : touched_) {
    const std::size_t before = shard->stored.fetch_add(std::exchange(shard->in_transaction, 0));
    // The letter that is on its way tells this commit too. It is small enough to need no memory.
    if (before > 0) continue;
    shard->postbox->post([shard] {
      const std::size_t count = shard->stored.exchange(0);
      if (const auto alive = shard->outstanding.lock()) alive->succeed(count);
    });
  }
  release(transaction.count, transaction.bytes);
}

/// Fails taken_ from `first` on, and what has come since. Later arrivals of the generations that
/// failed are passed over by next_transaction().
void Writer::fail(std::size_t first, const std::string& why) {
  std::vector<Shard*> failed;
  Queue dropped;
  std::size_t writes = 0;
  std::size_t bytes = 0;
  {
    const std::lock_guard lock(mutex_);
    ++stats_.failed_commits;
    health_ = "store: " + why;
    // All that is queued, and nothing else: taken_ before `first` was released when it was stored.
    writes = queued_writes_;
    bytes = queued_bytes_;
    mark_failed(std::span(taken_.origins).subspan(first), failed);
    mark_failed(incoming_.origins, failed);
    std::swap(dropped, incoming_);
  }
  taken_.clear();
  dropped.clear();
  next_ = 0;
  for (Shard* shard : failed) {
    shard->postbox->post(
        [outstanding = shard->outstanding, generation = shard->generation - 1, why] {
          if (const auto alive = outstanding.lock()) alive->fail(generation, why);
        });
  }
  release(writes, bytes);
}

/// Begins a new generation of each shard that has a living write among `origins`.
void Writer::mark_failed(std::span<const Origin> origins, std::vector<Shard*>& failed) {
  for (const Origin& origin : origins) {
    if (origin.generation < origin.shard->generation) continue;
    FAIRLEAD_ASSERT(origin.generation == origin.shard->generation);
    ++origin.shard->generation;
    failed.push_back(origin.shard);
  }
}

/// These are not queued any more. Says so to every shard when the low mark is crossed.
void Writer::release(std::size_t writes, std::size_t bytes) {
  std::vector<std::shared_ptr<Postbox>> relieved;
  {
    const std::lock_guard lock(mutex_);
    queued_writes_ -= writes;
    queued_bytes_ -= bytes;
    tell_memory(-static_cast<std::int64_t>(bytes));
    if (is_congested_ && queued_bytes_ < limits_.low_mark_bytes) {
      is_congested_ = false;
      for (const auto& shard : shards_) relieved.push_back(shard->postbox);
    }
  }
  for (const auto& postbox : relieved) postbox->post([] {});
}

void Writer::probe() {
  backend_.rest();
  if (!health()) return;
  const Result<void> result = backend_.probe();
  const std::lock_guard lock(mutex_);
  if (result) {
    health_.reset();
  } else {
    health_ = "store: " + result.error().message;
  }
}

void Writer::crash() {
  const std::lock_guard lock(mutex_);
  for (const auto& shard : shards_) {
    shard->is_gone = true;
    shard->postbox->close();
    if (const auto outstanding = shard->outstanding.lock()) outstanding->close();
  }
  incoming_.clear();
  taken_.clear();
  next_ = 0;
  queued_writes_ = 0;
  tell_memory(-static_cast<std::int64_t>(queued_bytes_));
  queued_bytes_ = 0;
  is_congested_ = false;
  health_.reset();
}

}  // namespace fairlead::store
