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
/// A block of more goes to the store at once.
constexpr std::size_t kMaxBlockBytes = std::size_t{1} << 20;
/// Blocks kept for their memory.
constexpr std::size_t kMostLanded = 16;

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
  if (entry.in_flight == 0 && is_all_stored(entry, request)) {
    counters_.duplicates += request.samples.size();
    done(Accepted{.accepted = 0,
                  .duplicates = static_cast<std::int64_t>(request.samples.size()),
                  .last_seq = entry.stored.last_seq});
    return;
  }
  Flight& flight = open_flight();
  const std::size_t part = flight.block->parts().size();
  const Accepted answer = number(entry, request, *flight.block);
  flight.waiting.push_back({.device = device,
                            .key = entry.key,
                            .round = entry.round,
                            .part = answer.accepted > 0 ? std::optional(part) : std::nullopt,
                            .answer = answer,
                            .done = std::move(done)});
  ++entry.in_flight;
  if (entry.latest.offset() >= entry.checkpoint_offset + kCheckpointEvery) {
    flight.block->add_checkpoint(
        entry.key, [&entry](std::string& out) { entry.latest.write_checkpoint(out); });
    entry.checkpoint_offset = entry.latest.offset();
  }
  if (flight.block->bytes() >= kMaxBlockBytes) flush();
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

bool Service::is_all_stored(const Entry& entry, const protocol::Telemetry& request) const {
  const bool is_same_epoch = !request.epoch || entry.stored.epoch == *request.epoch;
  return is_same_epoch &&
         std::ranges::all_of(request.samples, [&entry](const protocol::SampleView& sample) {
           return sample.seq && *sample.seq <= entry.stored.last_seq;
         });
}

Accepted Service::number(Entry& entry, const protocol::Telemetry& request,
                         SampleBlock& block) const {
  Progress& progress = entry.admitted;
  // The first sample of a new epoch is never a duplicate, so this is stored with it.
  if (request.epoch && progress.epoch != *request.epoch) {
    progress.epoch = std::string(*request.epoch);
    progress.last_seq = 0;
  }
  const std::int64_t now = clock_.now_ms();
  Accepted answer;
  bool is_numbered = false;
  for (const protocol::SampleView& sample : request.samples) {
    if (sample.seq) {
      is_numbered = true;
      if (*sample.seq <= progress.last_seq) {
        ++answer.duplicates;
        continue;
      }
      progress.last_seq = *sample.seq;
    }
    progress.offset += 1;
    progress.last_at = std::max(progress.last_at, now);
    if (answer.accepted++ == 0) block.begin_part(entry.key);
    block.add({.offset = progress.offset,
               .ts = sample.ts.value_or(now),
               .at = progress.last_at,
               .seq = sample.seq.value_or(0),
               .metrics = sample.metrics_json});
  }
  if (answer.accepted > 0) block.end_part(progress);
  if (is_numbered) answer.last_seq = progress.last_seq;
  return answer;
}

Service::Flight& Service::open_flight() {
  if (open_) return *open_;
  if (landed_.empty()) {
    open_ = std::make_unique<Flight>();
  } else {
    open_ = std::move(landed_.back());
    landed_.pop_back();
  }
  return *open_;
}

void Service::flush() {
  if (!open_) return;
  auto block = open_->block;
  flying_.push(std::move(open_));
  repository_.append(std::move(block), [this](const Result<void>& result) {
    land(flying_.pop(), result);
    // What was admitted behind a failure fails with it: its numbers rest on what was not stored.
    if (!result && flying_.is_empty() && open_) land(std::move(open_), result);
  });
}

void Service::land(std::unique_ptr<Flight> flight, const Result<void>& result) {
  for (Waiting& waiting : flight->waiting) {
    if (at(waiting.device).round == waiting.round) --at(waiting.device).in_flight;
    if (result) {
      stored(waiting, *flight->block);
      waiting.done(waiting.answer);
    } else {
      failed(waiting, *flight->block);
      waiting.done(std::unexpected(result.error()));
    }
  }
  flight->waiting.clear();
  flight->block->clear();
  const bool is_usual = flight->block.use_count() == 1 && landed_.size() < kMostLanded;
  if (is_usual) landed_.push_back(std::move(flight));
}

void Service::stored(const Waiting& waiting, const SampleBlock& block) {
  counters_.accepted += static_cast<std::uint64_t>(waiting.answer.accepted);
  counters_.duplicates += static_cast<std::uint64_t>(waiting.answer.duplicates);
  if (at(waiting.device).round != waiting.round || !waiting.part) return;
  const SampleBlock::Part& part = block.parts()[*waiting.part];
  Progress& progress = at(waiting.device).stored;
  progress.offset = part.offset;
  progress.last_seq = part.last_seq;
  progress.last_at = part.last_at;
  if (const auto epoch = block.epoch(part); epoch && progress.epoch != *epoch) {
    progress.epoch = std::string(*epoch);
  }
  for (std::size_t i = part.first; i < part.first + part.count; ++i) {
    const SampleView sample = block.sample(i);
    at(waiting.device).latest.fold(sample.ts, sample.offset, sample.metrics);
    events_.sample_stored(waiting.device, sample);
  }
}

void Service::failed(const Waiting& waiting, const SampleBlock& block) {
  Entry& entry = at(waiting.device);
  // Batches fail in the order of their numbers: the first one counts.
  if (waiting.part && entry.key == waiting.key && !entry.refused) {
    const SampleBlock::Part& part = block.parts()[*waiting.part];
    for (std::size_t i = part.first; i < part.first + part.count && !entry.refused; ++i) {
      if (block.sample(i).seq == 0) continue;
      entry.refused = Refused{.seq = block.sample(i).seq,
                              .epoch = block.epoch(part).transform(
                                  [](std::string_view text) { return std::string(text); }),
                              .until_steady_ms = clock_.steady_ms() + kResendMs};
    }
  }
  if (entry.round != waiting.round) return;
  entry.admitted = entry.stored;
  // A checkpoint may have been lost with the batch; the next one is due at once.
  entry.checkpoint_offset = 0;
  entry.in_flight = 0;
  ++entry.round;
}

}  // namespace fairlead::telemetry
