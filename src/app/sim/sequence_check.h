#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "app/sim/backlog.h"
#include "app/sim/hub_message.h"

namespace fairlead::app::sim {

/// Holds the hub to its promise for one device and one epoch: what was acked is stored once, and
/// `last_seq` says so. Each check returns what is wrong, or nothing.
class SequenceCheck {
 public:
  explicit SequenceCheck(std::string epoch) : epoch_(std::move(epoch)) {}

  void sent(std::int64_t last_seq) { sent_ = std::max(sent_, last_seq); }

  /// A welcome must know what was acked, and nothing that was not sent.
  std::string welcomed(const Welcome& welcome);
  /// The ack of the message that carried `samples`.
  std::string acked(const Ack& ack, std::span<const Sample> samples);

  /// Whether the welcome speaks of this epoch, so that its last_seq counts.
  bool is_current(const Welcome& welcome) const { return welcome.epoch == epoch_; }
  const std::string& epoch() const { return epoch_; }

 private:
  std::string told(std::int64_t last_seq);

  std::string epoch_;
  std::int64_t sent_ = 0;
  /// The highest seq whose sample was acked, and the highest last_seq the hub has named.
  std::int64_t acked_ = 0;
  std::int64_t told_ = 0;
};

}  // namespace fairlead::app::sim
