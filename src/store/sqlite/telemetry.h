#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>

#include "store/sqlite/database.h"
#include "telemetry/latest.h"
#include "telemetry/repository.h"

namespace fairlead::store::sqlite {

/// telemetry_data, telemetry_progress and telemetry_latest through one connection.
class Telemetry {
 public:
  explicit Telemetry(Database& database);

  // ---- inside a transaction ---------------------------------------------------------------------
  /// Stores the samples; `block` stays where it is until flush() or forget().
  Result<void> append(const telemetry::SampleBlock& block);
  Result<void> remove(protocol::DeviceKey device);
  /// Stores the progress of every device appended to: once for each, however many its batches.
  Result<void> flush();
  /// After a rollback.
  void forget() { progress_.clear(); }

  // ---- reads ------------------------------------------------------------------------------------
  Result<telemetry::Page> read(const telemetry::Range& range);
  Result<telemetry::Page> read_from(protocol::DeviceKey device, std::int64_t first_offset,
                                    std::size_t limit);
  Result<std::int64_t> first_since(protocol::DeviceKey device, std::int64_t since);
  Result<telemetry::Progress> progress(protocol::DeviceKey device);
  Result<telemetry::Latest> latest(protocol::DeviceKey device);

 private:
  struct Row {
    std::int64_t offset = 0;
    std::int64_t at = 0;
  };
  /// The first row at or behind `offset`; all 0 when there is none.
  Result<Row> row_from(protocol::DeviceKey device, std::int64_t offset);

  struct Last {
    const telemetry::SampleBlock* block = nullptr;
    const telemetry::SampleBlock::Part* part = nullptr;
  };
  /// Of each device appended to in this transaction; keeps its memory.
  boost::unordered_flat_map<protocol::DeviceKey, Last> progress_;

  Statement insert_;
  Statement save_progress_;
  Statement save_latest_;
  Statement remove_;
  Statement read_up_;
  Statement read_down_;
  Statement read_from_;
  Statement row_from_;
  Statement last_offset_;
  Statement load_progress_;
  Statement load_latest_;
  Statement samples_above_;
};

}  // namespace fairlead::store::sqlite
