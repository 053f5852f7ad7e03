#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/completion.h"
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
  virtual void sample_stored(protocol::DeviceRef device, const Sample& sample) = 0;
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
/// are given before the commit and told after it: a failed commit takes them back. Thread: the
/// shard's.
class Service {
 public:
  Service(Repository& repository, EventSink& events, const Clock& clock);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// A device of this shard: new, or as the store has it. `device` may lie beyond all known ones.
  void add(protocol::DeviceRef device, protocol::DeviceKey key, Progress progress, Latest latest);
  void forget(protocol::DeviceRef device);

  /// All samples of the request or none. `done` runs after the commit of everything that the answer
  /// rests on (a duplicate rests on the commit of its first); for what is refused, and for
  /// duplicates of what is stored, inside this call.
  void submit(protocol::DeviceRef device, const protocol::Capabilities& declared,
              const protocol::Telemetry& request, Completion<Accepted> done);

  /// Whether the place is (still) that device's.
  bool holds(protocol::DeviceRef device, protocol::DeviceKey key) const {
    return device < entries_.size() && entries_[device].key == key;
  }
  /// What is stored and told.
  const Progress& progress(protocol::DeviceRef device) const { return at(device).stored; }
  const Latest& latest(protocol::DeviceRef device) const { return at(device).latest; }
  const Counters& counters() const { return counters_; }

 private:
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
  };
  struct Numbered {
    std::vector<Sample> samples;
    Progress after;
    Accepted answer;
  };

  Entry& at(protocol::DeviceRef device);
  const Entry& at(protocol::DeviceRef device) const;
  Result<void> check(const protocol::Capabilities& declared,
                     const protocol::Telemetry& request) const;
  Numbered number(const Entry& entry, const protocol::Telemetry& request) const;
  void store(protocol::DeviceRef device, Numbered numbered, Completion<Accepted> done);
  void stored(protocol::DeviceRef device, const std::vector<Sample>& samples,
              const Progress& after);
  void failed(protocol::DeviceRef device, std::uint32_t round);

  Repository& repository_;
  EventSink& events_;
  const Clock& clock_;
  std::vector<Entry> entries_;
  Counters counters_;
};

}  // namespace fairlead::telemetry
