#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "store/postgres/connection.h"
#include "telemetry/sample_block.h"

namespace fairlead::store::postgres {

inline constexpr std::int64_t kDayMs = 24LL * 60 * 60 * 1000;

/// The day, since the Unix epoch, that a time falls into.
constexpr std::int64_t day_of(std::int64_t ms) {
  return ms >= 0 ? ms / kDayMs : -((-ms + kDayMs - 1) / kDayMs);
}

/// The telemetry of one transaction, made ready to be sent: rows for COPY, and once for each device
/// how far it came. Blocks stay where they are until it is cleared.
class SampleBatch {
 public:
  /// Fails when a device's offsets do not follow one another.
  Result<void> add(const telemetry::SampleBlock& block);
  /// The device is deleted behind its samples: nothing is to be told of it.
  void forget(protocol::DeviceKey device);
  /// Keeps its memory up to a bound.
  void clear();

  bool is_empty() const { return rows_ == 0; }
  /// What COPY takes.
  std::string_view copy_data();
  /// Those that need a partition.
  const boost::unordered_flat_set<std::int64_t>& days() const { return days_; }
  /// In a pipeline: the progress and the checkpoints of every device.
  void send_ends(Connection& connection) const;

 private:
  struct Device {
    std::int64_t first_offset = 0;
    const telemetry::SampleBlock* block = nullptr;
    const telemetry::SampleBlock::Part* part = nullptr;
  };
  Result<void> add(const telemetry::SampleBlock& block, const telemetry::SampleBlock::Part& part);
  void add_row(protocol::DeviceKey device, const telemetry::SampleView& sample);
  void send_progress(Connection& connection) const;
  void send_latest(Connection& connection) const;

  std::string copy_;
  bool is_closed_ = false;
  std::size_t rows_ = 0;
  boost::unordered_flat_map<protocol::DeviceKey, Device> devices_;
  boost::unordered_flat_map<protocol::DeviceKey, std::string_view> checkpoints_;
  boost::unordered_flat_set<std::int64_t> days_;
};

}  // namespace fairlead::store::postgres
