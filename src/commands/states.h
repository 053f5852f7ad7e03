#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fairlead::commands {

/// Where a command stands (protocol, section 7).
enum class State : std::uint8_t {
  kPending,
  kDelivered,
  kAccepted,
  kExecuted,
  kFailed,
  kExpired,
  kCancelled,
};
inline constexpr std::size_t kStateCount = 7;

/// What can happen to it.
enum class Happening : std::uint8_t { kWritten, kAccept, kExecute, kFail, kDeadline, kCancel };
inline constexpr std::size_t kHappeningCount = 6;

using NextStates = std::array<std::optional<State>, kHappeningCount>;
/// Of a final state. Written out: g++ 12 takes no `{}` of optionals in a constant expression.
inline constexpr NextStates kNoWayOn = {std::nullopt, std::nullopt, std::nullopt,
                                        std::nullopt, std::nullopt, std::nullopt};

/// The whole life of a command: the only place that says what follows what. Pending takes accepts
/// and results too: a crash can forget a delivery that the device remembers.
inline constexpr std::array<NextStates, kStateCount> kNext = {{
    // on:     kWritten           kAccept           kExecute          kFail
    //         kDeadline          kCancel
    /* pending   */
    {State::kDelivered, State::kAccepted, State::kExecuted, State::kFailed, State::kExpired,
     State::kCancelled},
    /* delivered */
    {State::kDelivered, State::kAccepted, State::kExecuted, State::kFailed, State::kExpired,
     State::kCancelled},
    /* accepted  */
    {State::kAccepted, State::kAccepted, State::kExecuted, State::kFailed, State::kExpired,
     State::kCancelled},
    /* executed  */ kNoWayOn,
    /* failed    */ kNoWayOn,
    /* expired   */ kNoWayOn,
    /* cancelled */ kNoWayOn,
}};

constexpr std::optional<State> next(State state, Happening happening) {
  return kNext[static_cast<std::size_t>(state)][static_cast<std::size_t>(happening)];
}

constexpr bool is_final(State state) { return !next(state, Happening::kCancel).has_value(); }

inline constexpr std::array<std::string_view, kStateCount> kStateNames = {
    "pending", "delivered", "accepted", "executed", "failed", "expired", "cancelled"};

constexpr std::string_view name_of(State state) {
  return kStateNames[static_cast<std::size_t>(state)];
}

constexpr std::optional<State> state_named(std::string_view name) {
  for (std::size_t i = 0; i < kStateCount; ++i) {
    if (kStateNames[i] == name) return static_cast<State>(i);
  }
  return std::nullopt;
}

static_assert(!is_final(State::kPending) && !is_final(State::kDelivered) &&
              !is_final(State::kAccepted));
static_assert(is_final(State::kExecuted) && is_final(State::kFailed) && is_final(State::kExpired) &&
              is_final(State::kCancelled));
static_assert(next(State::kPending, Happening::kExecute) == State::kExecuted);

}  // namespace fairlead::commands
