#include "app/sim/backlog.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/assert.h"

namespace fairlead::app::sim {
namespace {

/// `{"ts":…,"seq":…,"metrics":…},` without the metrics.
constexpr std::size_t kSampleOverhead = 64;

}  // namespace

std::vector<Sample> Backlog::take(std::size_t most, std::size_t most_bytes) {
  std::vector<Sample> taken;
  std::size_t bytes = 0;
  while (!samples_.empty() && taken.size() < most) {
    Sample& next = samples_.front();
    bytes += next.reading.metrics.size() + kSampleOverhead;
    if (!taken.empty() && (bytes > most_bytes || next.in_doubt != taken.back().in_doubt)) break;
    if (next.seq == 0) next.seq = ++last_given_;
    taken.push_back(std::move(next));
    samples_.pop_front();
  }
  return taken;
}

void Backlog::put_back_in_doubt(std::vector<Sample> samples) {
  FAIRLEAD_ASSERT(samples_.empty() || samples.empty() || samples_.front().seq == 0 ||
                  samples_.front().seq > samples.back().seq);
  for (Sample& sample : samples) sample.in_doubt = true;
  samples_.insert(samples_.begin(), std::make_move_iterator(samples.begin()),
                  std::make_move_iterator(samples.end()));
}

void Backlog::put_back_refused(std::vector<Sample> samples) {
  if (!samples.empty() && samples.front().in_doubt) {
    put_back_in_doubt(std::move(samples));
    return;
  }
  if (samples.empty()) return;
  for (Sample& sample : samples) sample.seq = 0;
  const auto behind = std::ranges::find_if(samples_, [&](const Sample& sample) {
    return sample.seq == 0 && sample.number > samples.front().number;
  });
  samples_.insert(behind, std::make_move_iterator(samples.begin()),
                  std::make_move_iterator(samples.end()));
}

std::size_t Backlog::drop_stored(std::int64_t last_seq) {
  std::size_t dropped = 0;
  while (!samples_.empty() && samples_.front().seq != 0 && samples_.front().seq <= last_seq) {
    samples_.pop_front();
    ++dropped;
  }
  return dropped;
}

}  // namespace fairlead::app::sim
