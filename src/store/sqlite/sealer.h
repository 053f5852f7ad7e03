#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/settings.h"
#include "store/sqlite/chores.h"
#include "store/sqlite/database.h"
#include "store/sqlite/segment_file.h"
#include "store/sqlite/segment_index.h"
#include "store/sqlite/segments.h"
#include "telemetry/latest.h"

namespace fairlead::store::sqlite {

/// Makes files of full segments, drops old ones, and takes the rows of removed devices out of them.
/// It writes to the files of `segments/` alone; what the main database has to know goes to the
/// writer's thread as a Chore. A crash at any step leaves what the next start needs to do it again.
/// It is stepped: by a thread or by a test.
class Sealer {
 public:
  /// Has a chore done on the writer's thread, and waits for it.
  using Perform = std::function<Result<void>(Chore)>;

  /// `database` is the main file.
  static Result<std::unique_ptr<Sealer>> open(const std::filesystem::path& database,
                                              const Segments& segments, const Clock& clock,
                                              SegmentLimits limits, Retention retention,
                                              Perform perform);

  /// One piece of work, however long it takes. Returns whether there was any.
  Result<bool> step();
  /// From any thread: the step under way ends soon, with an error.
  void interrupt() { is_interrupted_ = true; }

 private:
  /// What is made of one open segment.
  struct Job;

  Sealer(std::unique_ptr<Database> database, std::unique_ptr<SegmentIndex> index,
         const Segments& segments, const Clock& clock, SegmentLimits limits, Retention retention,
         Perform perform);

  /// Each returns whether it had anything to do.
  Result<bool> seal_one();
  Result<bool> roll_if_old();
  Result<bool> expire();
  Result<bool> unlist_one();
  Result<bool> purge_one();

  Result<void> seal(const OpenSegment& segment);
  Result<void> write_device(Job& job, protocol::DeviceKey device);
  Result<std::size_t> write_run(Job& job, protocol::DeviceKey device,
                                std::span<const OpenSegment::Place> places, RollupBuilder& rollups);
  Result<void> write_sample(Job& job, protocol::DeviceKey device,
                            const telemetry::SampleView& sample, RollupBuilder& rollups);
  Result<void> write_late(Job& job, protocol::DeviceKey device);
  Result<telemetry::Latest> latest_of(protocol::DeviceKey device);
  Result<bool> exists(protocol::DeviceKey device);
  Result<void> pass_on(Job& job, bool is_last);
  Result<void> add_hours(SegmentReader& segment, protocol::DeviceKey device);
  Result<void> add_to_index(std::int64_t segment);
  Result<void> purge(protocol::DeviceKey device);
  Result<void> purge_from(std::int64_t segment, protocol::DeviceKey device);
  Result<void> find_unlisted();
  Result<void> unlist(std::int64_t segment);
  Result<void> check_interrupt() const;

  const std::unique_ptr<Database> database_;
  const std::unique_ptr<SegmentIndex> index_;
  const Segments& segments_;
  const Clock& clock_;
  const SegmentLimits limits_;
  const Retention retention_;
  const Perform perform_;
  std::atomic<bool> is_interrupted_ = false;
  /// Segments that no record names any more, and that are still in the index.
  std::vector<std::int64_t> gone_;
  Statement exists_;
  Statement latest_;
  Statement removed_;
};

}  // namespace fairlead::store::sqlite
