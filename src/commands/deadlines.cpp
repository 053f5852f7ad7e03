#include "commands/deadlines.h"

namespace fairlead::commands {

void Deadlines::arm(Timer& timer, std::int64_t at) {
  if (!timer.is_armed()) {
    FAIRLEAD_ASSERT(heap_.size() < Timer::kNowhere);
    heap_.push_back(&timer);
    timer.place_ = static_cast<std::uint32_t>(heap_.size() - 1);
  }
  timer.at_ = at;
  rise(timer.place_);
  sink(timer.place_);
}

void Deadlines::disarm(Timer& timer) {
  if (!timer.is_armed()) return;
  const std::size_t hole = timer.place_;
  Timer* last = heap_.back();
  heap_.pop_back();
  timer.place_ = Timer::kNowhere;
  if (last == &timer) return;
  put(hole, last);
  rise(last->place_);
  sink(last->place_);
}

Timer* Deadlines::take_due(std::int64_t now) {
  if (heap_.empty() || heap_.front()->at_ > now) return nullptr;
  Timer* timer = heap_.front();
  disarm(*timer);
  return timer;
}

void Deadlines::rise(std::size_t place) {
  Timer* timer = heap_[place];
  while (place > 0) {
    const std::size_t parent = (place - 1) / 2;
    if (heap_[parent]->at_ <= timer->at_) break;
    put(place, heap_[parent]);
    place = parent;
  }
  put(place, timer);
}

void Deadlines::sink(std::size_t place) {
  Timer* timer = heap_[place];
  for (;;) {
    std::size_t child = place * 2 + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1]->at_ < heap_[child]->at_) ++child;
    if (timer->at_ <= heap_[child]->at_) break;
    put(place, heap_[child]);
    place = child;
  }
  put(place, timer);
}

}  // namespace fairlead::commands
