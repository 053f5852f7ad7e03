#pragma once

#include "app/sim/options.h"

namespace fairlead::app::sim {

/// What `fairlead sim` ends with.
inline constexpr int kExitGood = 0;
/// Nothing could be connected, an option is wrong, or not every row was stored.
inline constexpr int kExitFailed = 1;
/// The hub broke the protocol.
inline constexpr int kExitViolations = 2;

/// Plays the fleet until its time is up, its recording is stored, SIGINT or SIGTERM; prints what
/// happens on stdout, faults on stderr, and returns the exit code. Takes over the two signals and
/// the calling thread. Once a process.
int run(const Options& options);

}  // namespace fairlead::app::sim
