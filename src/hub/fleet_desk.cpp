#include "hub/fleet_desk.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "hub/shard.h"
#include "protocol/events.h"

namespace fairlead::hub {
namespace {

using FleetPtr = std::shared_ptr<const commands::Fleet>;

/// Where the member's device stands; nullopt when it is gone, whoever has its id now.
std::optional<protocol::DeviceRef> find_member(Shard& there, const commands::Fleet& fleet,
                                               const commands::FleetMember& member) {
  const Home& home = there.home();
  const auto ref = home.devices().find(fleet.tenant, member.device);
  if (!ref || home.address(*ref).key != member.key) return std::nullopt;
  return ref;
}

commands::SendRequest request_for(const commands::Fleet& fleet,
                                  const commands::FleetMember& member) {
  commands::SendRequest request;
  request.device_key = member.key;
  request.tenant = fleet.tenant;
  request.device_id = member.device;
  request.body = {.device = member.device,
                  .name = fleet.name,
                  .params = fleet.params,
                  .timeout_ms = fleet.timeout_ms,
                  .queue = fleet.is_queued,
                  .idempotency_key = std::nullopt};
  request.issued_by = fleet.issued_by;
  request.home_hash = home_hash(fleet.tenant, member.device);
  request.fleet = fleet.id;
  return request;
}

void send_member(Shard& there, const FleetPtr& fleet, std::size_t member, bool waits,
                 std::size_t owner) {
  const auto refuse = [&peers = there.ports().peers, owner, fleet, member](Code why) {
    peers.post(owner, [fleet, member, why](Shard& shard) {
      shard.fleets().refused(fleet->id, member, why);
    });
  };
  const auto ref = find_member(there, *fleet, (*fleet->members)[member]);
  if (!ref) return refuse(Code::kNotFound);
  Home& home = there.home();
  commands::SendRequest request = request_for(*fleet, (*fleet->members)[member]);
  request.device = *ref;
  request.is_device_connected = home.is_connected(*ref);
  request.waits_for_device = waits;
  home.commands().send(std::move(request), home.devices().capabilities(*ref),
                       [refuse](const Result<commands::Sent>& sent) {
                         if (!sent) refuse(sent.error().code);
                       });
}

/// Gathers from all shards who is to be told, each connection once.
struct Telling {
  std::set<Viewer> viewers;
  std::string json;
  std::size_t shards_left = 0;
};

}  // namespace

bool FleetDesk::take_place(const std::string& tenant) {
  std::size_t& unfinished = unfinished_[tenant];
  if (unfinished >= shard_.settings().fleets_per_tenant) return false;
  ++unfinished;
  return true;
}

void FleetDesk::give_back_place(const std::string& tenant) {
  const auto place = unfinished_.find(tenant);
  if (place != unfinished_.end() && --place->second == 0) unfinished_.erase(place);
}

void FleetDesk::settled(const std::string& tenant) {
  shard_.ports().peers.post(shard_.home_of(tenant, ""), [tenant](Shard& keeper) {
    keeper.fleet_desk().give_back_place(tenant);
  });
}

void FleetDesk::hand_out(const FleetPtr& fleet, std::size_t member, bool waits) {
  const std::size_t home = shard_.home_of(fleet->tenant, (*fleet->members)[member].device);
  shard_.ports().peers.post(home, [fleet, member, waits, owner = shard_.index()](Shard& there) {
    send_member(there, fleet, member, waits, owner);
  });
}

void FleetDesk::cancel(const FleetPtr& fleet, std::size_t member) {
  const std::size_t home = shard_.home_of(fleet->tenant, (*fleet->members)[member].device);
  shard_.ports().peers.post(home, [fleet, member](Shard& there) {
    const auto ref = find_member(there, *fleet, (*fleet->members)[member]);
    if (ref) there.home().commands().cancel_of_fleet(*ref, fleet->id);
  });
}

void FleetDesk::again(const std::string& fleet) {
  shard_.ports().peers.post(shard_.index(), [fleet](Shard& here) { here.fleets().go_on(fleet); });
}

void FleetDesk::tell(const commands::Fleet& fleet, const commands::FleetReport& report,
                     const commands::Sender& sender) {
  const std::size_t shards = shard_.ports().peers.count();
  auto telling = std::make_shared<Telling>();
  telling->shards_left = shards;
  protocol::write(telling->json, commands::update_of(report));
  if (!sender.connection.empty()) {
    Viewer viewer{.shard = sender.shard, .session = 0};
    const std::string& number = sender.connection;
    std::from_chars(number.data(), number.data() + number.size(), viewer.session);
    telling->viewers.insert(viewer);
  }
  for (std::size_t shard = 0; shard < shards; ++shard) {
    // Mail keeps its order, so a later update is never told before an earlier one.
    shard_.ask<std::vector<Viewer>>(
        shard,
        [tenant = fleet.tenant, members = fleet.members](Shard& there, auto answer) {
          answer(there.home().subscriptions().viewers_of(tenant, *members));
        },
        [telling, &peers = shard_.ports().peers](Result<std::vector<Viewer>> viewers) {
          telling->viewers.insert(viewers->begin(), viewers->end());
          if (--telling->shards_left > 0) return;
          for (const Viewer viewer : telling->viewers) {
            peers.post(viewer.shard, [session = viewer.session, telling](Shard& there) {
              there.tell_event(session, telling->json);
            });
          }
        });
  }
}

}  // namespace fairlead::hub
