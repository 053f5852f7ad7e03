#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/completion.h"
#include "hub/repository.h"
#include "hub/settings.h"

namespace fairlead::hub {

/// Whose durable subscription it is.
struct DurableOwner {
  std::string tenant;
  /// The client.
  std::string subject;

  friend auto operator<=>(const DurableOwner&, const DurableOwner&) = default;
};

/// The durable subscriptions of the clients whose names are at home on this shard: what they ask
/// for, not how far they have come. It is decided here in the order asked, and what is answered is
/// stored. One that was not used for long is dropped. Thread: the shard's.
class Durables {
 public:
  Durables(Repository& repository, const Settings& settings, const Clock& clock);

  /// At start.
  void restore(DurableSubscription kept);

  /// Makes it, or replaces it; kTooLarge for one more than a client may have.
  void put(const DurableOwner& owner, const std::string& name, std::string definition,
           Completion<void> done);
  /// Uses it: answers with its definition, or kNotFound.
  void take_up(const DurableOwner& owner, const std::string& name, Completion<std::string> done);
  void remove(const DurableOwner& owner, const std::string& name, Completion<void> done);
  /// It is in use still.
  void touch(const DurableOwner& owner, const std::string& name);
  /// A bounded step of looking for those that were not used for long. To be called once a second.
  void drop_unused();

  std::size_t size() const { return size_; }

 private:
  struct Entry {
    /// As asked for last, and as stored last; nullopt: there is none.
    std::optional<std::string> definition;
    std::optional<std::string> stored;
    std::int64_t used_at = 0;
    std::int64_t stored_used_at = 0;
    std::size_t in_flight = 0;
    /// The write that carries `definition`.
    std::uint64_t last_write = 0;
  };
  using Names = std::map<std::string, Entry>;

  Entry* find(const DurableOwner& owner, const std::string& name);
  bool is_unused(const Entry& entry) const;
  void set(Entry& entry, std::optional<std::string> definition);
  void write(const DurableOwner& owner, const std::string& name, Entry& entry,
             Completion<void> done);
  void written(const DurableOwner& owner, const std::string& name, std::uint64_t number,
               const std::optional<std::string>& definition, std::int64_t used_at, bool is_stored);

  Repository& repository_;
  const Settings& settings_;
  const Clock& clock_;
  std::map<DurableOwner, Names> owners_;
  std::size_t size_ = 0;
  std::uint64_t writes_ = 0;
  /// Behind whom drop_unused() goes on.
  DurableOwner looked_at_;
};

/// How far the stored time of the last use may be behind.
std::int64_t durable_touch_ms(const Settings& settings);

}  // namespace fairlead::hub
