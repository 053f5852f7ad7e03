#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/settings.h"
#include "store/sqlite/chores.h"
#include "store/sqlite/database.h"
#include "store/sqlite/segments.h"
#include "telemetry/sample_block.h"

namespace fairlead::store::sqlite {

/// The writing side of telemetry: appends to the open segment, and keeps the records of all
/// segments. Through the one connection that writes; the writer's thread.
class TelemetryLog {
 public:
  TelemetryLog(Database& database, Segments& segments, SegmentLimits limits);

  /// At a start: finds the segments, repairs what a crash left half done, and fills the Segments.
  Result<void> load();

  // ---- inside a transaction ---------------------------------------------------------------------
  /// Stores the samples; `block` stays where it is until the transaction has ended.
  Result<void> append(const telemetry::SampleBlock& block);
  Result<void> remove(protocol::DeviceKey device);
  /// Stores the progress of every device appended to: once for each, however many its batches.
  Result<void> flush();
  Result<void> save_latest(const SaveLatest& newest);
  Result<void> record(const SealedSegment& segment);
  /// From here on another table is appended to.
  Result<void> roll();
  Result<void> forget_segments(std::int64_t last);
  Result<void> forget_removed(protocol::DeviceKey device);
  Result<void> drop_table(std::int64_t segment);

  // ---- its end ----------------------------------------------------------------------------------
  void committed();
  void rolled_back();

 private:
  /// Where the next sample goes.
  struct Tail {
    std::shared_ptr<OpenSegment> segment;
    OpenSegment::Row rows = 0;
    std::int64_t bytes = 0;
  };
  struct Appended {
    std::shared_ptr<OpenSegment> segment;
    const telemetry::SampleBlock* block = nullptr;
    OpenSegment::Row first = 0;
  };
  struct Last {
    const telemetry::SampleBlock* block = nullptr;
    const telemetry::SampleBlock::Part* part = nullptr;
  };

  bool is_full() const;
  void append_to(Tail tail);
  Result<std::vector<SealedSegment>> recorded();
  Result<std::vector<std::int64_t>> open_tables();
  Result<std::shared_ptr<OpenSegment>> index_of(std::int64_t segment);
  Result<std::int64_t> bytes_in(const OpenSegment& segment);
  Result<void> check_files(const std::vector<SealedSegment>& sealed);

  Database& database_;
  Segments& segments_;
  const SegmentLimits limits_;
  Tail tail_;
  std::string insert_sql_;
  std::optional<Statement> insert_;

  // Of the transaction under way; these keep their memory.
  std::optional<Tail> before_;
  std::vector<Appended> appended_;
  std::vector<protocol::DeviceKey> removed_;
  std::vector<std::shared_ptr<OpenSegment>> begun_;
  boost::unordered_flat_map<protocol::DeviceKey, Last> progress_;

  Statement save_progress_;
  Statement save_latest_;
  Statement note_removed_;
  Statement forget_removed_;
  Statement record_;
  Statement forget_segments_;
};

}  // namespace fairlead::store::sqlite
