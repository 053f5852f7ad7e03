#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/lab.h"

namespace fairlead::bench {

/// How a hub's figure is held against its floor.
enum class Goal : std::uint8_t {
  /// hub / floor at most `limit`.
  kRatioAtMost,
  /// hub / floor at least `limit`.
  kRatioAtLeast,
  /// The hub's figure alone at most `limit`.
  kAtMost,
  /// The hub's figure at most `limit` above its floor.
  kAboveFloorAtMost,
};

/// One line of the table.
struct RowPlan {
  /// What `--rows` calls it.
  std::string key;
  std::string title;
  std::string unit;
  Goal goal = Goal::kRatioAtMost;
  double limit = 0;
  /// Measures the hub and its floors once, one after the other.
  std::function<Result<Measured>(Lab&)> measure{};
};

/// Every figure to reach, in the order of the table.
std::vector<RowPlan> all_rows();

// The rows themselves, each measured once.
Result<Measured> measure_ingest(Lab& lab, int depth);
Result<Measured> measure_crowd(Lab& lab);
Result<Measured> measure_idle_subscriptions(Lab& lab);
/// `io` as runtime.io.
Result<Measured> measure_fanout(Lab& lab, int window, const std::string& io);
Result<Measured> measure_idle_memory(Lab& lab, bool with_tls);
Result<Measured> measure_tls_ingest(Lab& lab);
Result<Measured> measure_tls_handshakes(Lab& lab, bool resumes);
Result<Measured> measure_connects(Lab& lab);
Result<Measured> measure_latency(Lab& lab);
/// The same while signatures that take long are checked.
Result<Measured> measure_strangers(Lab& lab);
Result<Measured> measure_command(Lab& lab);
Result<Measured> measure_chart(Lab& lab);

}  // namespace fairlead::bench
