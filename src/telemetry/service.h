#pragma once

#include <boost/container/deque.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/completion.h"
#include "base/fifo.h"
#include "base/rare.h"
#include "protocol/capabilities.h"
#include "protocol/device_ref.h"
#include "protocol/requests.h"
#include "telemetry/latest.h"
#include "telemetry/repository.h"
#include "telemetry/sample.h"

namespace fairlead::telemetry {

/// What the service tells. Called on the shard's thread, after the commit, by rising offset.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void sample_stored(protocol::DeviceRef device, const SampleView& sample) = 0;
};

/// The answer to a telemetry request.
struct Accepted {
  std::int64_t accepted = 0;
  std::int64_t duplicates = 0;
  /// Highest stored in the epoch that the request meant; nullopt when it carried no `seq`.
  std::optional<std::int64_t> last_seq;
};

/// Counts for metrics.
struct Counters {
  std::uint64_t accepted = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t refused = 0;
};

/// Admits samples of one shard's devices, numbers them, has them stored and tells of them. Numbers
/// are given before the commit and told after it: a failed commit takes them back. What is admitted
/// in one turn goes to the store as one block. Thread: the shard's.
class Service {
 public:
  /// How long samples above a lost one are refused while it does not come again.
  static constexpr std::int64_t kResendMs = 5000;

  Service(Repository& repository, EventSink& events, const Clock& clock);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// A device of this shard: new, or as the store has it. `device` may lie beyond all known ones.
  void add(protocol::DeviceRef device, protocol::DeviceKey key, Progress progress, Latest latest);
  void forget(protocol::DeviceRef device);
  /// A new connection resumes from what is stored: what was refused before it is settled.
  void resumed(protocol::DeviceRef device) { at(device).refused.reset(); }

  /// All samples of the request or none. `done` runs after the commit of everything that the answer
  /// rests on (a duplicate rests on the commit of its first); for what is refused, and for
  /// duplicates of what is stored, inside this call. After a failed commit, numbered samples above
  /// the first that was lost are refused until that one comes again (or kResendMs have passed):
  /// they were sent before the device knew, and storing them would make the lost ones duplicates.
  void submit(protocol::DeviceRef device, const protocol::Capabilities& declared,
              const protocol::Telemetry& request, Completion<Accepted> done);
  /// Sends what was admitted to the store. To be called at the end of a turn, and before a write of
  /// anything that samples rest on.
  void flush();

  /// Whether the place is (still) that device's.
  bool holds(protocol::DeviceRef device, protocol::DeviceKey key) const {
    return device < entries_.size() && entries_[device].key == key;
  }
  /// What is stored and told.
  const Progress& progress(protocol::DeviceRef device) const { return at(device).stored; }
  const Latest& latest(protocol::DeviceRef device) const { return at(device).latest; }
  const Counters& counters() const { return counters_; }

 private:
  /// The lowest `seq` that a failed commit lost, and how long it may still come again.
  struct Refused {
    std::int64_t seq = 0;
    /// What it counts in.
    Rare<std::string> epoch;
    std::int64_t until_steady_ms = 0;
  };
  struct Entry {
    protocol::DeviceKey key = 0;
    Progress stored;
    /// `stored` and what is on its way.
    Progress admitted;
    Latest latest;
    std::int64_t checkpoint_offset = 0;
    /// Changes when a failed commit took numbers back (and when the place is given again).
    std::uint32_t round = 0;
    std::uint32_t in_flight = 0;
    Rare<Refused> refused{};
  };
  /// One request that waits for a commit.
  struct Waiting {
    protocol::DeviceRef device = 0;
    protocol::DeviceKey key = 0;
    std::uint32_t round = 0;
    /// Which part of the block has its samples; nullopt: all were duplicates.
    std::optional<std::size_t> part;
    Accepted answer;
    Completion<Accepted> done;
  };
  /// A block, and who waits for it, in order. Used again and again.
  struct Flight {
    std::shared_ptr<SampleBlock> block = std::make_shared<SampleBlock>();
    std::vector<Waiting> waiting;
  };

  Entry& at(protocol::DeviceRef device);
  const Entry& at(protocol::DeviceRef device) const;
  Result<void> check(const protocol::Capabilities& declared,
                     const protocol::Telemetry& request) const;
  Result<void> check_order(Entry& entry, const protocol::Telemetry& request) const;
  bool is_all_stored(const Entry& entry, const protocol::Telemetry& request) const;
  Accepted number(Entry& entry, const protocol::Telemetry& request, SampleBlock& block) const;
  Flight& open_flight();
  void land(std::unique_ptr<Flight> flight, const Result<void>& result);
  void stored(const Waiting& waiting, const SampleBlock& block);
  void failed(const Waiting& waiting, const SampleBlock& block);

  Repository& repository_;
  EventSink& events_;
  const Clock& clock_;
  /// In blocks: growing moves none, and leaves little room unused.
  boost::container::deque<Entry, void,
                          boost::container::deque_options<boost::container::block_size<64>>::type>
      entries_;
  /// What this turn admits; null while that is nothing.
  std::unique_ptr<Flight> open_;
  /// On their way to the store and back, in order.
  Fifo<std::unique_ptr<Flight>> flying_;
  std::vector<std::unique_ptr<Flight>> landed_;
  Counters counters_;
};

}  // namespace fairlead::telemetry
