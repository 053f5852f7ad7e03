#include "hub/meter.h"

namespace fairlead::hub {

Error over_rate(const RateLimit& limit, std::string_view whose, std::int64_t wait_ms) {
  std::string rate;
  if (limit.messages_per_second > 0) {
    rate = fmt::format("{} messages", limit.messages_per_second);
  }
  if (limit.bytes_per_second > 0) {
    rate += fmt::format("{}{} bytes", rate.empty() ? "" : " or ", limit.bytes_per_second);
  }
  Error error{.code = Code::kRateLimited,
              .message = fmt::format("over {} a second of {}", rate, whose)};
  error.retry_after_ms = wait_ms;
  return error;
}

}  // namespace fairlead::hub
