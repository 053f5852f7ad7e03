#include "app/sim/sequence_check.h"

#include <fmt/format.h>

namespace fairlead::app::sim {

std::string SequenceCheck::told(std::int64_t last_seq) {
  if (last_seq > sent_) {
    return fmt::format("last_seq {} is beyond {}, the highest that was sent", last_seq, sent_);
  }
  if (last_seq < told_) return fmt::format("last_seq went back from {} to {}", told_, last_seq);
  told_ = last_seq;
  return {};
}

std::string SequenceCheck::welcomed(const Welcome& welcome) {
  if (!is_current(welcome)) {
    if (acked_ == 0) return {};
    return fmt::format("welcome: epoch {} although seq {} of epoch {} was acked",
                       welcome.epoch.value_or("null"), acked_, epoch_);
  }
  if (welcome.last_seq < acked_) {
    return fmt::format("welcome: last_seq {} although seq {} was acked", welcome.last_seq, acked_);
  }
  const std::string problem = told(welcome.last_seq);
  return problem.empty() ? problem : "welcome: " + problem;
}

std::string SequenceCheck::acked(const Ack& ack, std::span<const Sample> samples) {
  if (!ack.accepted || !ack.duplicates || !ack.last_seq) {
    return "ack of telemetry without accepted, duplicates or last_seq";
  }
  const auto count = static_cast<std::int64_t>(samples.size());
  if (*ack.accepted < 0 || *ack.duplicates < 0 || *ack.accepted + *ack.duplicates != count) {
    return fmt::format("ack of {} samples: {} accepted and {} duplicates", count, *ack.accepted,
                       *ack.duplicates);
  }
  const auto doubted = std::ranges::count(samples, true, &Sample::in_doubt);
  if (*ack.duplicates > doubted) {
    return fmt::format("ack: {} duplicates, only {} samples had been sent before", *ack.duplicates,
                       doubted);
  }
  if (*ack.last_seq < samples.back().seq) {
    return fmt::format("ack: last_seq {} is below {}, which it acks", *ack.last_seq,
                       samples.back().seq);
  }
  acked_ = std::max(acked_, samples.back().seq);
  const std::string problem = told(*ack.last_seq);
  return problem.empty() ? problem : "ack: " + problem;
}

}  // namespace fairlead::app::sim
