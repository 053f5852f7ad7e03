#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>

namespace fairlead::net {

/// Things to do at a moment, in order of time. Not thread-safe; knows no clock.
class TimerQueue {
 public:
  using Task = std::move_only_function<void()>;
  /// When, and which of those at the same moment. Never used twice.
  using Id = std::pair<std::int64_t, std::uint64_t>;

  Id add(std::int64_t at_ms, Task task);
  /// Nothing happens when it has run already.
  void cancel(const Id& id) { tasks_.erase(id); }
  std::optional<std::int64_t> next_ms() const;
  /// Runs what is due at `now_ms`; what is added meanwhile waits for the next call.
  void run_due(std::int64_t now_ms);
  void clear() { tasks_.clear(); }

 private:
  std::map<Id, Task> tasks_;
  std::uint64_t next_number_ = 1;
};

}  // namespace fairlead::net
