#include "telemetry/service.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/assert.h"
#include "protocol/limits.h"

namespace fairlead::telemetry {
namespace {

// How many samples a start reads again for a device, at most: the newest values are stored with the
// samples only this often.
constexpr std::int64_t kCheckpointEvery = 128;

std::string prefix_of(const protocol::Telemetry& request, std::size_t index) {
  return request.is_batch ? fmt::format("samples[{}].", index) : std::string();
}

Error refused(std::vector<FieldProblem> problems) {
  Error error{.code = Code::kInvalid};
  error.message = fmt::format("{}: {}", problems.front().path, problems.front().problem);
  if (problems.size() > 1) {
    error.message += fmt::format(" (and {} more)", problems.size() - 1);
  }
  error.fields = std::move(problems);
  return error;
}

}  // namespace

Service::Service(Repository& repository, EventSink& events, const Clock& clock)
    : repository_(repository), events_(events), clock_(clock) {}

Service::Entry& Service::at(protocol::DeviceRef device) {
  FAIRLEAD_ASSERT(device < entries_.size());
  return entries_[device];
}

const Service::Entry& Service::at(protocol::DeviceRef device) const {
  FAIRLEAD_ASSERT(device < entries_.size());
  return entries_[device];
}

void Service::add(protocol::DeviceRef device, protocol::DeviceKey key, Progress progress,
                  Latest latest) {
  if (device >= entries_.size()) entries_.resize(device + 1);
  Entry& entry = entries_[device];
  const std::uint32_t round = entry.round + 1;
  const std::int64_t checkpoint_offset = latest.offset();
  entry = Entry{.key = key,
                .stored = progress,
                .admitted = std::move(progress),
                .latest = std::move(latest),
                .checkpoint_offset = checkpoint_offset,
                .round = round};
}

void Service::forget(protocol::DeviceRef device) {
  const std::uint32_t round = at(device).round + 1;
  at(device) = Entry();
  at(device).round = round;
}

void Service::submit(protocol::DeviceRef device, const protocol::Capabilities& declared,
                     const protocol::Telemetry& request, Completion<Accepted> done) {
  if (auto fits = check(declared, request); !fits) {
    counters_.refused += request.samples.size();
    done(std::unexpected(std::move(fits.error())));
    return;
  }
  Entry& entry = at(device);
  if (auto in_order = check_order(entry, request); !in_order) {
    done(std::unexpected(std::move(in_order.error())));
    return;
  }
  Numbered numbered = number(entry, request);
  if (numbered.samples.empty() && entry.in_flight == 0) {
    counters_.duplicates += static_cast<std::uint64_t>(numbered.answer.duplicates);
    done(numbered.answer);
    return;
  }
  store(device, std::move(numbered), std::move(done));
}

Result<void> Service::check(const protocol::Capabilities& declared,
                            const protocol::Telemetry& request) const {
  const std::int64_t newest_ts = clock_.now_ms() + protocol::kMaxAheadMs;
  std::vector<FieldProblem> problems;
  for (std::size_t i = 0; i < request.samples.size(); ++i) {
    const protocol::SampleView& sample = request.samples[i];
    if (sample.ts.value_or(0) > newest_ts) {
      problems.push_back({prefix_of(request, i) + "ts", "more than 24 hours in the future"});
    }
    if (declared.declares_metrics()) {
      std::ranges::move(declared.check(sample.metrics, prefix_of(request, i)),
                        std::back_inserter(problems));
    }
    if (problems.size() >= 32) break;
  }
  if (problems.empty()) return {};
  return std::unexpected(refused(std::move(problems)));
}

Result<void> Service::check_order(Entry& entry, const protocol::Telemetry& request) const {
  if (!entry.refused) return {};
  const bool is_other_epoch = request.epoch && entry.refused->epoch != *request.epoch;
  // Without a name the current epoch is meant, which the lost sample may have been the first of.
  const bool may_resend = request.epoch || entry.refused->epoch == entry.admitted.epoch;
  if (is_other_epoch || clock_.steady_ms() >= entry.refused->until_steady_ms) {
    entry.refused.reset();
    return {};
  }
  bool is_numbered = false;
  for (const protocol::SampleView& sample : request.samples) {
    if (!sample.seq) continue;
    is_numbered = true;
    if (may_resend && *sample.seq <= entry.refused->seq) {
      entry.refused.reset();
      return {};
    }
  }
  if (!is_numbered) return {};
  Error error{.code = Code::kOverloaded,
              .message = fmt::format("seq {} could not be stored: send it again first",
                                     entry.refused->seq)};
  error.retry_after_ms = 1000;
  return std::unexpected(std::move(error));
}

Service::Numbered Service::number(const Entry& entry, const protocol::Telemetry& request) const {
  Numbered numbered{.samples = {}, .after = entry.admitted, .answer = {}};
  Progress& progress = numbered.after;
  if (request.epoch && progress.epoch != *request.epoch) {
    progress.epoch = std::string(*request.epoch);
    progress.last_seq = 0;
  }
  const std::int64_t now = clock_.now_ms();
  numbered.samples.reserve(request.samples.size());
  bool is_numbered = false;
  for (const protocol::SampleView& sample : request.samples) {
    if (sample.seq) {
      is_numbered = true;
      if (*sample.seq <= progress.last_seq) {
        ++numbered.answer.duplicates;
        continue;
      }
      progress.last_seq = *sample.seq;
    }
    progress.offset += 1;
    progress.last_at = std::max(progress.last_at, now);
    numbered.samples.push_back({.offset = progress.offset,
                                .ts = sample.ts.value_or(now),
                                .at = progress.last_at,
                                .seq = sample.seq.value_or(0),
                                .metrics = std::string(sample.metrics_json)});
  }
  numbered.answer.accepted = static_cast<std::int64_t>(numbered.samples.size());
  if (is_numbered) numbered.answer.last_seq = progress.last_seq;
  // A new epoch without a stored sample is no progress: it would be a change that nothing stores.
  if (numbered.samples.empty()) progress = entry.admitted;
  return numbered;
}

void Service::store(protocol::DeviceRef device, Numbered numbered, Completion<Accepted> done) {
  Entry& entry = at(device);
  entry.admitted = numbered.after;
  ++entry.in_flight;
  Batch batch{.device = entry.key,
              .samples = numbered.samples,
              .after = numbered.after,
              .latest_checkpoint = {}};
  if (entry.latest.offset() >= entry.checkpoint_offset + kCheckpointEvery) {
    batch.latest_checkpoint = entry.latest.checkpoint();
    entry.checkpoint_offset = entry.latest.offset();
  }
  repository_.append(std::move(batch), [this, device, key = entry.key, round = entry.round,
                                        numbered = std::move(numbered),
                                        done = std::move(done)](Result<void> result) mutable {
    if (at(device).round == round) --at(device).in_flight;
    if (!result) {
      failed(device, key, round, numbered);
      done(std::unexpected(std::move(result.error())));
      return;
    }
    counters_.accepted += static_cast<std::uint64_t>(numbered.answer.accepted);
    counters_.duplicates += static_cast<std::uint64_t>(numbered.answer.duplicates);
    if (at(device).round == round) stored(device, numbered.samples, numbered.after);
    done(numbered.answer);
  });
}

void Service::stored(protocol::DeviceRef device, const std::vector<Sample>& samples,
                     const Progress& after) {
  at(device).stored = after;
  for (const Sample& sample : samples) {
    at(device).latest.fold(sample.ts, sample.offset, sample.metrics);
    events_.sample_stored(device, sample);
  }
}

void Service::failed(protocol::DeviceRef device, protocol::DeviceKey key, std::uint32_t round,
                     const Numbered& numbered) {
  Entry& entry = at(device);
  const auto lost =
      std::ranges::find_if(numbered.samples, [](const Sample& sample) { return sample.seq > 0; });
  // Batches fail in the order of their numbers: the first one counts.
  if (lost != numbered.samples.end() && entry.key == key && !entry.refused) {
    entry.refused = Refused{.seq = lost->seq,
                            .epoch = numbered.after.epoch,
                            .until_steady_ms = clock_.steady_ms() + kResendMs};
  }
  if (entry.round != round) return;
  entry.admitted = entry.stored;
  // A checkpoint may have been lost with the batch; the next one is due at once.
  entry.checkpoint_offset = 0;
  entry.in_flight = 0;
  ++entry.round;
}

}  // namespace fairlead::telemetry
