#include "net/timer_queue.h"

namespace fairlead::net {

TimerQueue::Id TimerQueue::add(std::int64_t at_ms, Task task) {
  const Id id{at_ms, next_number_++};
  tasks_.emplace(id, std::move(task));
  return id;
}

std::optional<std::int64_t> TimerQueue::next_ms() const {
  if (tasks_.empty()) return std::nullopt;
  return tasks_.begin()->first.first;
}

void TimerQueue::run_due(std::int64_t now_ms) {
  const std::uint64_t first_new = next_number_;
  auto next = tasks_.begin();
  while (next != tasks_.end() && next->first.first <= now_ms) {
    const Id id = next->first;
    if (id.second < first_new) {
      Task task = std::move(next->second);
      tasks_.erase(next);
      task();
    }
    // Whatever the task did to the queue, go on behind it.
    next = tasks_.upper_bound(id);
  }
}

}  // namespace fairlead::net
