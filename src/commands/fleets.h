#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/completion.h"
#include "commands/fleet.h"
#include "commands/fleet_repository.h"
#include "commands/service.h"

namespace fairlead::commands {

/// The commands to many that are at home on one shard, until they are settled: which members have
/// their command, when the next ones get theirs, when it stops. The commands themselves are the
/// business of each device's home shard, which is reached through Hands and tells what became of
/// them; so nothing here takes longer than kStep members. Thread: the shard's.
class Fleets {
 public:
  /// Members that are asked for in one step.
  static constexpr std::size_t kStep = 128;

  /// The way to the other shards. Nothing of it calls back inside the call.
  class Hands {
   public:
    virtual ~Hands() = default;
    /// A member's command is to be made; changed() or refused() follows. `waits`: also a command
    /// for now waits for a device that is not connected.
    virtual void hand_out(const std::shared_ptr<const Fleet>& fleet, std::size_t member,
                          bool waits) = 0;
    /// A member's command is to be cancelled, unless it has ended.
    virtual void cancel(const std::shared_ptr<const Fleet>& fleet, std::size_t member) = 0;
    /// go_on() is to be called in a later step.
    virtual void again(const std::string& fleet) = 0;
    virtual void tell(const Fleet& fleet, const FleetReport& report, const Sender& sender) = 0;
    /// The fleet is none of the unfinished ones any more.
    virtual void settled(const std::string& tenant) = 0;
  };

  Fleets(FleetRepository& repository, Hands& hands) : repository_(repository), hands_(hands) {}
  Fleets(const Fleets&) = delete;
  Fleets& operator=(const Fleets&) = delete;

  /// Answers after the commit, then begins. `fleet.progress` is set here.
  void create(Fleet fleet, Sender sender, Completion<FleetReport> done);
  /// At start: a fleet of the store that is not settled, and where the members stand that are not
  /// waiting. It begins with the next once_a_second().
  void restore(Fleet fleet, const std::vector<std::pair<protocol::DeviceKey, State>>& members);

  /// As it is told now; nullopt for one that is settled, or never was.
  std::optional<FleetReport> find(const std::string& id) const;
  /// Whose it is; empty for one that is not here.
  std::string_view tenant_of(const std::string& id) const;
  /// Of one that find() knows. Answers when everything in flight has ended: kConflict when it was
  /// done by then, the store's error when the cancellation could not be stored.
  void cancel(const std::string& id, Completion<FleetReport> done);

  // What the home shards say of members.
  /// Its command was stored with this state; kCancelled also stands for a device that was deleted.
  void changed(const std::string& id, std::string_view device, State state);
  /// No command was made: kNotFound for a device that is gone; all else is tried again.
  void refused(const std::string& id, std::size_t member, Code why);
  void go_on(const std::string& id);

  /// Tells progress, tries again what the store refused.
  void once_a_second();
  /// The hub stops: nobody gets a command any more.
  void stop() { is_stopped_ = true; }

  std::size_t size() const { return running_.size(); }

 private:
  /// Where a member stands: kWaiting, kAsked, or its command's state behind these.
  using Place = std::uint8_t;
  static constexpr Place kWaiting = 0;
  static constexpr Place kAsked = 1;

  struct Running {
    std::shared_ptr<const Fleet> fleet;
    Sender sender;
    /// As it is stored, but for the counts.
    FleetProgress stored;
    FleetCounts counts;
    std::vector<Place> places;
    /// Members below have their command, or were asked for it.
    std::size_t next = 0;
    /// Members below have been asked to cancel.
    std::size_t next_cancel = 0;
    /// Waiting members that were asked for.
    std::int64_t asked = 0;
    bool is_stopping = false;
    bool is_cancelled = false;
    bool waits_for_devices = false;
    bool is_saving = false;
    /// go_on() is on its way.
    bool is_stepping = false;
    /// The store refused: nothing before the next second.
    bool is_paused = false;
    bool is_untold = false;
    std::vector<Completion<FleetReport>> cancels{};
  };

  static Place place_of(State state);
  static bool is_final_place(Place place);
  static FleetReport report(const Running& running);

  Running* at(const std::string& id);
  void begin(Fleet fleet, Sender sender);
  void move(Running& running, std::size_t member, Place to);
  void review(Running& running);
  FleetProgress wanted(const Running& running) const;
  void save(Running& running, const FleetProgress& wanted);
  void saved(const std::string& id, const FleetProgress& wanted, const Result<void>& result);
  void take_back_cancel(Running& running, const Error& error);
  void settle(const std::string& id);
  void advance(Running& running);
  void hand_out(Running& running);
  void cancel_in_flight(Running& running);
  void step_later(Running& running);

  FleetRepository& repository_;
  Hands& hands_;
  /// By id. Bounded by the operator's limit for each tenant.
  std::map<std::string, Running> running_;
  bool is_stopped_ = false;
};

}  // namespace fairlead::commands
