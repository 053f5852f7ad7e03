#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/backend.h"
#include "store/shard_store.h"
#include "unit/store/world.h"

namespace fairlead::store::test {

/// A number that a shard wrote.
struct Mark {
  std::int64_t shard = 0;
  std::int64_t number = 0;
  friend bool operator==(const Mark&, const Mark&) = default;
};

/// Keeps what was committed, commit by commit; fails when told to.
class Recorder final : public Backend {
 public:
  Result<void> commit(std::span<Write> batch) override {
    if (failures > 0) {
      --failures;
      return fail(Code::kInternal, "disk I/O error");
    }
    commits.emplace_back();
    for (const Write& write : batch) {
      const auto& presence = std::get<SavePresence>(write);
      commits.back().push_back({presence.key, presence.session});
    }
    return {};
  }
  Result<void> probe() override {
    ++probes;
    if (failures > 0) return fail(Code::kInternal, "disk I/O error");
    return {};
  }
  void rest() override { ++rests; }
  std::vector<Mark> all() const {
    std::vector<Mark> marks;
    for (const auto& commit : commits) marks.insert(marks.end(), commit.begin(), commit.end());
    return marks;
  }

  std::vector<std::vector<Mark>> commits;
  std::size_t failures = 0;
  int probes = 0;
  int rests = 0;
};

/// A shard that writes numbers and remembers what became of them, in order: n stored, -n failed.
class Scribe {
 public:
  Scribe(Writer& writer, ReadQueue& reads, std::int64_t name)
      : store(std::make_unique<ShardStore>(writer, reads, mail.post())), name_(name) {}

  void write(std::int64_t number) {
    store->save_presence(name_, number, 0, [this, number](Result<void> result) {
      heard.push_back(result ? number : -number);
      if (!result) last_error = result.error();
      if (on_heard) on_heard(number, result.has_value());
    });
  }
  void write(std::initializer_list<std::int64_t> numbers) {
    for (const std::int64_t number : numbers) write(number);
  }

  Mail mail;
  std::unique_ptr<ShardStore> store;
  std::vector<std::int64_t> heard;
  Error last_error;
  std::function<void(std::int64_t, bool)> on_heard;

 private:
  std::int64_t name_;
};

}  // namespace fairlead::store::test
