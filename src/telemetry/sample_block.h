#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "telemetry/sample.h"

namespace fairlead::telemetry {

/// Samples of many devices that are stored together or not at all, in the order in which they were
/// admitted. Texts lie one behind the other in one buffer; cleared, it keeps its memory.
class SampleBlock {
 public:
  /// Consecutive samples of one device, and its progress once they are stored.
  struct Part {
    protocol::DeviceKey device = 0;
    std::size_t first = 0;
    std::size_t count = 0;
    std::int64_t offset = 0;
    std::int64_t last_seq = 0;
    std::int64_t last_at = 0;
    /// Where the text of the epoch lies: epoch() reads it.
    std::optional<std::size_t> epoch_begin{};
    std::size_t epoch_size = 0;
  };
  /// A device's Latest as of some earlier offset, so that a start reads few rows.
  struct Checkpoint {
    protocol::DeviceKey device = 0;
    std::size_t begin = 0;
    std::size_t size = 0;
  };

  /// The samples up to end_part() are this device's.
  void begin_part(protocol::DeviceKey device) {
    parts_.emplace_back();
    parts_.back().device = device;
    parts_.back().first = rows_.size();
  }
  /// Copies the metrics.
  void add(const SampleView& sample) {
    rows_.push_back(
        {sample.offset, sample.ts, sample.at, sample.seq, texts_.size(), sample.metrics.size()});
    texts_.append(sample.metrics);
  }
  /// `after`: the device's progress with these samples.
  void end_part(const Progress& after) {
    Part& part = parts_.back();
    part.count = rows_.size() - part.first;
    part.offset = after.offset;
    part.last_seq = after.last_seq;
    part.last_at = after.last_at;
    if (!after.epoch) return;
    part.epoch_begin = texts_.size();
    part.epoch_size = after.epoch->size();
    texts_.append(*after.epoch);
  }
  /// `write(std::string&)` appends Latest's text.
  template <std::invocable<std::string&> Write>
  void add_checkpoint(protocol::DeviceKey device, Write&& write) {
    const std::size_t begin = texts_.size();
    write(texts_);
    checkpoints_.push_back({.device = device, .begin = begin, .size = texts_.size() - begin});
  }

  std::span<const Part> parts() const { return parts_; }
  std::span<const Checkpoint> checkpoints() const { return checkpoints_; }
  /// Number `index` of the whole block. Lasts as long as the block is not changed.
  SampleView sample(std::size_t index) const {
    const Row& row = rows_[index];
    return {.offset = row.offset,
            .ts = row.ts,
            .at = row.at,
            .seq = row.seq,
            .metrics = std::string_view(texts_).substr(row.begin, row.size)};
  }
  std::string_view text(const Checkpoint& checkpoint) const {
    return std::string_view(texts_).substr(checkpoint.begin, checkpoint.size);
  }
  std::optional<std::string_view> epoch(const Part& part) const {
    if (!part.epoch_begin) return std::nullopt;
    return std::string_view(texts_).substr(*part.epoch_begin, part.epoch_size);
  }

  std::size_t samples() const { return rows_.size(); }
  /// About the memory that it holds.
  std::size_t bytes() const {
    return texts_.size() + rows_.size() * sizeof(Row) + parts_.size() * sizeof(Part);
  }
  void clear() {
    parts_.clear();
    rows_.clear();
    checkpoints_.clear();
    texts_.clear();
  }

 private:
  struct Row {
    std::int64_t offset;
    std::int64_t ts;
    std::int64_t at;
    std::int64_t seq;
    std::size_t begin;
    std::size_t size;
  };

  std::vector<Part> parts_;
  std::vector<Row> rows_;
  std::vector<Checkpoint> checkpoints_;
  std::string texts_;
};

}  // namespace fairlead::telemetry
