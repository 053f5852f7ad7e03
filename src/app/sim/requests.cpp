#include "app/sim/requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace fairlead::app::sim {

std::int64_t Requests::add(Request request) {
  request.id = ++last_id_;
  if (request.kind == RequestKind::kTelemetry) ++telemetry_;
  waiting_.push_back(std::move(request));
  return last_id_;
}

Requests::Answered Requests::answer(std::int64_t id) {
  Answered answered;
  const auto found = std::ranges::find(waiting_, id, &Request::id);
  if (found == waiting_.end()) {
    if (id > last_id_ || id < 1) {
      answered.problem = fmt::format("an answer to request {}, which was never sent", id);
    } else if (id <= last_of_former_) {
      answered.problem = fmt::format("an answer to request {} of an earlier connection", id);
    } else {
      answered.problem = fmt::format("a second answer to request {}", id);
    }
    return answered;
  }
  while (waiting_.front().id != id) {
    answered.passed_over.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  answered.request = std::move(waiting_.front());
  waiting_.pop_front();
  if (!answered.passed_over.empty()) {
    answered.problem =
        fmt::format("request {} was answered before request {}, which was sent first", id,
                    answered.passed_over.front().id);
  }
  telemetry_ = static_cast<std::size_t>(
      std::ranges::count(waiting_, RequestKind::kTelemetry, &Request::kind));
  return answered;
}

std::deque<Request> Requests::take_all() {
  last_of_former_ = last_id_;
  telemetry_ = 0;
  return std::exchange(waiting_, {});
}

std::size_t Requests::samples() const {
  std::size_t count = 0;
  for (const Request& request : waiting_) count += request.samples.size();
  return count;
}

bool Requests::has_heartbeat() const {
  return std::ranges::find(waiting_, RequestKind::kHeartbeat, &Request::kind) != waiting_.end();
}

std::optional<std::int64_t> Requests::oldest_us() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.front().sent_us;
}

}  // namespace fairlead::app::sim
