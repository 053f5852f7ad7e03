#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "commands/fleet_repository.h"
#include "commands/fleets.h"
#include "protocol/device_ref.h"

namespace fairlead::hub {

class Shard;

/// The commands to many of one shard, and their way to the others: to the home shards of the
/// members, to whoever is told. Everything goes by mail, also to this shard. Thread: the shard's.
class FleetDesk final : private commands::Fleets::Hands {
 public:
  FleetDesk(Shard& shard, commands::FleetRepository& repository)
      : shard_(shard), fleets_(repository, *this) {}

  commands::Fleets& fleets() { return fleets_; }

  /// Among `limits.fleets_per_tenant`, on the shard that counts them for the tenant.
  bool take_place(const std::string& tenant);
  void give_back_place(const std::string& tenant);
  /// At start: one that is not settled.
  void count(const std::string& tenant) { ++unfinished_[tenant]; }

 private:
  void hand_out(const std::shared_ptr<const commands::Fleet>& fleet, std::size_t member,
                bool waits) override;
  void cancel(const std::shared_ptr<const commands::Fleet>& fleet, std::size_t member) override;
  void again(const std::string& fleet) override;
  void tell(const commands::Fleet& fleet, const commands::FleetReport& report,
            const commands::Sender& sender) override;
  void settled(const std::string& tenant) override;

  Shard& shard_;
  commands::Fleets fleets_;
  /// Of tenants that are counted here.
  boost::unordered_flat_map<std::string, std::size_t> unfinished_;
};

}  // namespace fairlead::hub
