#include "app/sim/return_plan.h"

#include <algorithm>

#include "protocol/codes.h"

namespace fairlead::app::sim {
namespace {

constexpr std::int64_t kFirstWaitUs = 250'000;
constexpr int kMostDoublings = 7;
constexpr std::int64_t kLongestWaitUs = 30'000'000;
/// A hub that refuses so many fresh tokens in a row has another secret.
constexpr int kMostBadTokens = 3;

using Verdict = Return::Verdict;

}  // namespace

Return ReturnPlan::come_back(std::optional<std::int64_t> retry_after_ms, Random& random) {
  const std::int64_t longest =
      std::min(kFirstWaitUs << std::min(failures_, kMostDoublings), kLongestWaitUs);
  ++failures_;
  if (retry_after_ms) return {Verdict::kComeBack, *retry_after_ms * 1000};
  const auto half = static_cast<std::uint64_t>(longest / 2);
  return {Verdict::kComeBack, longest / 2 + static_cast<std::int64_t>(random.below(half))};
}

Return ReturnPlan::after_bad_token(Random& random) {
  if (++bad_tokens_ >= kMostBadTokens) return {Verdict::kStayAway, 0};
  return come_back(std::nullopt, random);
}

Return ReturnPlan::after_close(std::uint16_t code, std::optional<std::int64_t> retry_after_ms,
                               Random& random) {
  const auto row = std::ranges::find(protocol::kCloses, static_cast<protocol::CloseCode>(code),
                                     &protocol::CloseInfo::code);
  if (row == protocol::kCloses.end()) return come_back(std::nullopt, random);
  switch (row->come_back) {
    case protocol::ComeBack::kAsYouLike:
    case protocol::ComeBack::kWithBackoff:
      return come_back(std::nullopt, random);
    case protocol::ComeBack::kAfterRetryMs:
      return come_back(retry_after_ms, random);
    case protocol::ComeBack::kWithFreshToken:
      return after_bad_token(random);
    case protocol::ComeBack::kNo:
      break;
  }
  const bool is_dismissed =
      row->code == protocol::CloseCode::kForbidden || row->code == protocol::CloseCode::kReplaced;
  return {is_dismissed ? Verdict::kStayAway : Verdict::kAccused, 0};
}

Return ReturnPlan::after_refusal(int status, std::optional<std::int64_t> retry_after_ms,
                                 Random& random) {
  if (status == 401) return after_bad_token(random);
  const bool is_for_good = status >= 300 && status < 500 && status != 429;
  if (is_for_good) return {Verdict::kStayAway, 0};
  return come_back(retry_after_ms, random);
}

}  // namespace fairlead::app::sim
