#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/sqlite/database.h"
#include "store/sqlite/segment_file.h"
#include "store/sqlite/segment_index.h"
#include "store/sqlite/segments.h"
#include "telemetry/latest.h"
#include "telemetry/repository.h"

namespace fairlead::store::sqlite {

/// The reading side of telemetry: sealed segments, each through a connection of its own (a bounded
/// number is kept), and open ones through `database`. One thread.
class TelemetryHistory {
 public:
  TelemetryHistory(Database& database, const Segments& segments);

  Result<telemetry::Page> read(const telemetry::Range& range);
  Result<telemetry::Page> read_from(protocol::DeviceKey device, std::int64_t first_offset,
                                    std::size_t limit);
  /// From aggregates where the buckets are multiples of theirs, and from samples where not.
  Result<telemetry::BucketPage> read_buckets(const telemetry::BucketRange& range);
  Result<std::int64_t> first_since(protocol::DeviceKey device, std::int64_t since);
  Result<telemetry::Progress> progress(protocol::DeviceKey device);
  /// As of the last checkpoint: what lies above it is in open segments.
  Result<telemetry::Latest> latest(protocol::DeviceKey device);
  /// Every sample of the open segments, removed devices' too.
  Result<void> for_each_open(
      const std::function<void(protocol::DeviceKey, const telemetry::SampleView&)>& each);

 private:
  using View = std::shared_ptr<const SegmentView>;
  struct OpenTable {
    OpenTable(Database& database, const OpenSegment& segment);
    const std::string sql;
    Statement by_row;
  };
  struct Sealed {
    std::int64_t id = 0;
    std::unique_ptr<SegmentReader> reader;
  };

  /// What a query for buckets knows and has found so far.
  struct BucketWork;

  Result<BucketWork> begin_buckets(const telemetry::BucketRange& range, View view);
  /// The next time at or behind `ts` (at or before, descending) near which there is something.
  Result<std::optional<std::int64_t>> next_ts(const BucketWork& work, std::int64_t ts);
  /// Takes in the samples of [from, to), from aggregates of at most this length.
  Result<void> collect(BucketWork& work, std::int64_t from, std::int64_t to, std::int64_t length);
  Result<void> collect_index(BucketWork& work, std::int64_t from, std::int64_t to,
                             std::int64_t length);
  Result<void> collect_sealed(BucketWork& work, std::int64_t from, std::int64_t to,
                              std::int64_t length);
  Result<void> collect_rows(BucketWork& work, const DeviceExtent& extent, std::int64_t from,
                            std::int64_t to);
  Result<void> collect_open(BucketWork& work, const OpenSegment& segment, std::int64_t from,
                            std::int64_t to);

  /// All segments as of now. Readers of those that are gone are closed: their files take no room.
  View view();
  Result<SegmentIndex*> index();
  Result<SegmentReader*> reader(std::int64_t segment);
  Result<std::vector<DeviceExtent>> sealed_between(const SegmentView& view,
                                                   const telemetry::Range& range);
  Result<telemetry::Page> read_open(const OpenSegment& segment,
                                    const std::vector<OpenSegment::Place>& places,
                                    std::size_t limit);
  Result<std::int64_t> first_since_open(const OpenSegment& segment, protocol::DeviceKey device,
                                        std::int64_t since);
  Statement& by_row(const OpenSegment& segment);

  Database& database_;
  const Segments& segments_;
  std::unique_ptr<SegmentIndex> index_;
  /// What view() gave last.
  std::weak_ptr<const SegmentView> seen_;
  /// Most recently used first.
  std::list<Sealed> readers_;
  /// By segment.
  std::map<std::int64_t, OpenTable> tables_;
  Statement load_progress_;
  Statement load_latest_;
};

}  // namespace fairlead::store::sqlite
