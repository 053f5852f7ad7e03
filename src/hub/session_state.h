#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace fairlead::hub {

/// Where a connection stands after its upgrade.
enum class SessionState : std::uint8_t {
  /// The first message must be `auth`.
  kAwaitingAuth,
  /// Its principal is known; its beginning is being stored.
  kOpening,
  kOpen,
  /// Its end has a cause and is booked; the socket may linger.
  kEnded,
};

/// What may follow what: the only place that says so. A row is a state, a column where it may go.
inline constexpr std::array<std::array<bool, 4>, 4> kSessionMoves = {{
    //                awaiting opening open   ended
    /* awaiting */ {{false, true, false, true}},
    /* opening  */ {{false, false, true, true}},
    /* open     */ {{false, false, false, true}},
    /* ended    */ {{false, false, false, false}},
}};

constexpr bool may_follow(SessionState from, SessionState to) {
  return kSessionMoves[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
}

static_assert(!may_follow(SessionState::kEnded, SessionState::kOpen));
static_assert(may_follow(SessionState::kAwaitingAuth, SessionState::kEnded));

}  // namespace fairlead::hub
