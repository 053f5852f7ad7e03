#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "telemetry/repository.h"
#include "telemetry/sample_block.h"

namespace fairlead::store::sqlite {

/// What one segment holds of one device. Offsets have no holes.
struct DeviceExtent {
  std::int64_t segment = 0;
  std::int64_t first_offset = 0;
  std::int64_t last_offset = 0;
  std::int64_t min_ts = 0;
  std::int64_t max_ts = 0;
  /// Whether `ts` does not fall as offsets rise.
  bool is_ordered = true;
  /// Whether a sealed segment keeps its minutes in aggregates.
  bool has_minutes = false;
};

/// A table that samples are appended to, `telemetry_open_<id>` of the main database, and where each
/// device's rows lie in it: the table has no index, this stands in for one. It holds committed rows
/// only. The writer's thread changes it, any thread reads it.
class OpenSegment {
 public:
  /// A row of the table. Rows are numbered from 1 on.
  using Row = std::uint32_t;
  struct Place {
    std::int64_t offset = 0;
    std::int64_t ts = 0;
    Row row = 0;
  };

  explicit OpenSegment(std::int64_t id) : id_(id), table_(table_name(id)) {}

  static std::string table_name(std::int64_t id) { return "telemetry_open_" + std::to_string(id); }
  std::int64_t id() const { return id_; }
  const std::string& table() const { return table_; }

  // ---- the writer's thread ----------------------------------------------------------------------
  /// The samples of `block` were committed, the first of them as `first`, the others behind it.
  void add(const telemetry::SampleBlock& block, Row first);
  /// One row that a start found. An error when it leaves a hole behind the device's last.
  Result<void> add(protocol::DeviceKey device, const Place& place);
  /// When a sample arrived that it holds.
  void note_arrival(std::int64_t at);
  /// The device was removed: its rows are nobody's from now on.
  void forget(protocol::DeviceKey device);

  // ---- any thread -------------------------------------------------------------------------------
  /// When its first sample arrived; nothing while it has none.
  std::optional<std::int64_t> first_at() const;
  std::optional<DeviceExtent> extent(protocol::DeviceKey device) const;
  /// By key.
  std::vector<protocol::DeviceKey> devices() const;
  /// From `first_offset` on, by offset, at most `limit`.
  std::vector<Place> places_from(protocol::DeviceKey device, std::int64_t first_offset,
                                 std::size_t limit) const;
  /// In the order that `range` asks for, at most `limit` (of which range.limit is no part).
  std::vector<Place> places_in(const telemetry::Range& range, std::size_t limit) const;

 private:
  struct Entry {
    std::int64_t ts;
    Row row;
  };
  /// A device's rows; the first has `first_offset`, the others follow.
  struct Rows {
    std::int64_t first_offset = 0;
    std::int64_t min_ts = 0;
    std::int64_t max_ts = 0;
    bool is_ordered = true;
    std::vector<Entry> entries;

    Place place(std::size_t index) const {
      return {.offset = first_offset + static_cast<std::int64_t>(index),
              .ts = entries[index].ts,
              .row = entries[index].row};
    }
  };

  static void append(Rows& rows, const Place& place);

  const std::int64_t id_;
  const std::string table_;
  mutable std::shared_mutex mutex_;
  boost::unordered_flat_map<protocol::DeviceKey, Rows> devices_;
  std::optional<std::int64_t> first_at_;
};

}  // namespace fairlead::store::sqlite
