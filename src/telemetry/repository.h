#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "base/completion.h"
#include "telemetry/buckets.h"
#include "telemetry/sample.h"
#include "telemetry/sample_block.h"

namespace fairlead::telemetry {

/// A stretch of a device's history by (ts, offset).
struct Range {
  protocol::DeviceKey device = 0;
  /// Inclusive.
  std::int64_t from_ts = 0;
  /// Exclusive.
  std::int64_t to_ts = std::numeric_limits<std::int64_t>::max();
  bool is_descending = false;
  /// Begin behind this place.
  std::optional<Position> after;
  std::size_t limit = 100;
};

/// Rows of one read: at most the limit asked for, and cut earlier (but never before the first row)
/// when they would pass about 1 MiB.
struct Page {
  std::vector<Sample> samples;
  bool has_more = false;
};

/// Where samples become durable. Thread: the home shard of the device; completions run there too,
/// later.
class Repository {
 public:
  virtual ~Repository() = default;
  /// Stores the whole block or nothing. `done` runs after the commit, when nobody but the caller
  /// holds the block, in the order of the calls of this shard; with kOverloaded when nothing was
  /// stored. Then every write of this shard that was still on its way has failed too, and all their
  /// completions run one after another, with nothing between them.
  virtual void append(std::shared_ptr<const SampleBlock> block, Completion<void> done) = 0;

  // Reads see every commit whose completion has run. Their completions come in any order.
  virtual void read(Range range, Completion<Page> done) = 0;
  /// Samples from `first_offset` on, by offset.
  virtual void read_from(protocol::DeviceKey device, std::int64_t first_offset, std::size_t limit,
                         Completion<Page> done) = 0;
  virtual void read_buckets(BucketRange range, Completion<BucketPage> done) = 0;
  /// The lowest offset whose `at` is `since` or later; 0 when there is none.
  virtual void first_since(protocol::DeviceKey device, std::int64_t since,
                           Completion<std::int64_t> done) = 0;
};

}  // namespace fairlead::telemetry
