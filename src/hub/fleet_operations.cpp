// Commands to many at once: which devices, who may, whom to ask.
#include <algorithm>
#include <memory>
#include <utility>

#include "base/id.h"
#include "hub/fleet_view.h"
#include "hub/operations.h"
#include "hub/shard.h"
#include "protocol/names.h"

namespace fairlead::hub {
namespace {

using commands::Fleet;
using commands::FleetMembers;
using commands::FleetReport;

/// Entries of the registry that one shard looks at in one step.
constexpr std::size_t kMaxSelectedInStep = 1000;

std::unexpected<Error> unknown_fleet(const std::string& id) {
  return fail(Code::kNotFound, "fleet {}: not found", id);
}

/// What a cancellation is answered that finds nothing to cancel.
Result<FleetReport> cancelled_late(FleetReport report) {
  if (report.state == commands::FleetState::kDone) {
    return fail(Code::kConflict, "fleet {}: already done", report.fleet);
  }
  // Committed, and its owner has not heard of it: nobody was told its id yet.
  if (report.state == commands::FleetState::kRunning) return unknown_fleet(report.fleet);
  return report;
}

std::unexpected<Error> too_many(std::size_t most) {
  Error error{.code = Code::kTooLarge,
              .message = fmt::format("devices: match more than {} devices", most)};
  error.fields.push_back({"devices", fmt::format("match more than {} devices", most)});
  error.limit = static_cast<std::int64_t>(most);
  return std::unexpected(std::move(error));
}

/// Which devices of one shard a fleet is for, found in steps between which it serves others.
struct Search {
  auth::Principal who;
  std::vector<std::string> patterns;
  std::size_t most = 0;
  /// The pattern looked at, and the device behind which it goes on.
  std::size_t pattern = 0;
  std::string after{};
  FleetMembers found{};
};

void search(Shard& there, Search task, Completion<FleetMembers> answer) {
  const Home& home = there.home();
  std::size_t seen = 0;
  const auto take = [&](protocol::DeviceRef ref) {
    const DeviceAddress device = home.address(ref);
    if (auth::may_touch(task.who, device.id)) {
      task.found.push_back({.device = std::string(device.id), .key = device.key});
    }
  };
  for (; task.pattern < task.patterns.size(); ++task.pattern, task.after.clear()) {
    std::string_view pattern = task.patterns[task.pattern];
    bool is_whole = true;
    if (!protocol::is_prefix(pattern)) {
      if (const auto ref = home.devices().find(task.who.tenant, pattern)) take(*ref);
      is_whole = ++seen < kMaxSelectedInStep;
      if (!is_whole) ++task.pattern;
    } else {
      pattern.remove_suffix(1);
      home.devices().each(task.who.tenant, pattern, task.after, [&](protocol::DeviceRef ref) {
        take(ref);
        is_whole = ++seen < kMaxSelectedInStep;
        if (!is_whole) task.after = home.address(ref).id;
        return is_whole;
      });
    }
    if (task.found.size() > task.most) return answer(too_many(task.most));
    if (!is_whole) {
      return there.ports().peers.post(
          there.index(),
          [task = std::move(task), answer = std::move(answer)](Shard& shard) mutable {
            search(shard, std::move(task), std::move(answer));
          });
    }
  }
  answer(std::move(task.found));
}

/// Joins what the shards found.
struct MemberSelection {
  FleetMembers members;
  std::optional<Error> problem;
  std::size_t shards_left = 0;
  std::size_t most = 0;
  Completion<FleetMembers> done;

  void add(Result<FleetMembers> part) {
    if (!part) {
      problem = part.error();
    } else {
      members.insert(members.end(), part->begin(), part->end());
    }
    if (--shards_left > 0) return;
    // Patterns may overlap.
    std::ranges::sort(members);
    members.erase(std::ranges::unique(members).begin(), members.end());
    if (members.size() > most) problem = too_many(most).error();
    if (problem) return done(std::unexpected(std::move(*problem)));
    done(std::move(members));
  }
};

void select_members(Shard& here, const auth::Principal& who,
                    const std::vector<std::string>& patterns, Completion<FleetMembers> done) {
  const std::size_t shards = here.ports().peers.count();
  const std::size_t most = here.settings().fleet_devices;
  auto selection = std::make_shared<MemberSelection>(MemberSelection{.members = {},
                                                                     .problem = std::nullopt,
                                                                     .shards_left = shards,
                                                                     .most = most,
                                                                     .done = std::move(done)});
  for (std::size_t shard = 0; shard < shards; ++shard) {
    here.ask<FleetMembers>(
        shard,
        [task = Search{.who = who, .patterns = patterns, .most = most}](Shard& there,
                                                                        auto answer) mutable {
          search(there, std::move(task), std::move(answer));
        },
        [selection](Result<FleetMembers> part) { selection->add(std::move(part)); });
  }
}

Fleet fleet_of(const auth::Principal& who, protocol::FleetSend&& request) {
  Fleet fleet;
  fleet.tenant = who.tenant;
  fleet.issued_by = who.subject;
  fleet.name = std::move(request.command.name);
  fleet.params = std::move(request.command.params);
  fleet.timeout_ms = request.command.timeout_ms;
  fleet.is_queued = request.command.queue;
  fleet.max_in_flight = request.max_in_flight;
  fleet.stop_after_failures = request.stop_after_failures;
  fleet.idempotency_key = std::move(request.command.idempotency_key);
  return fleet;
}

}  // namespace

void Operations::send_fleet(const auth::Principal& who, protocol::FleetSend request,
                            commands::Sender sender, Completion<FleetReport> done) {
  if (auto may = auth::permit(who, auth::Operation::kSendFleet); !may) {
    return done(std::unexpected(may.error()));
  }
  if (!request.command.idempotency_key) {
    return place_fleet(who, std::move(request), std::move(sender), std::move(done));
  }
  const IdempotencyName name{.tenant = who.tenant,
                             .issuer = who.subject,
                             .key = *request.command.idempotency_key,
                             .is_fleet = true};
  const std::size_t keeper = shard_.home_of(who.tenant, who.subject);
  shard_.ask<std::optional<std::string>>(
      keeper,
      [name](Shard& there, auto answer) {
        there.idempotency_keys().claim(name, std::move(answer));
      },
      [this, who, name, keeper, request = std::move(request), sender = std::move(sender),
       done = std::move(done)](Result<std::optional<std::string>> known) mutable {
        if (*known) return find_fleet(who, **known, std::move(done));
        auto settle = [this, name, keeper,
                       done = std::move(done)](Result<FleetReport> made) mutable {
          std::optional<std::string> id;
          if (made) id = made->fleet;
          shard_.ports().peers.post(
              keeper, [name, id](Shard& there) { there.idempotency_keys().settle(name, id); });
          done(std::move(made));
        };
        place_fleet(who, std::move(request), std::move(sender), std::move(settle));
      });
}

/// A place among the tenant's unfinished fleets, then the members, then the fleet itself.
void Operations::place_fleet(const auth::Principal& who, protocol::FleetSend request,
                             commands::Sender sender, Completion<FleetReport> done) {
  const std::size_t keeper = shard_.home_of(who.tenant, "");
  shard_.ask<bool>(
      keeper,
      [tenant = who.tenant](Shard& there, auto answer) {
        answer(there.fleet_desk().take_place(tenant));
      },
      [this, who, keeper, request = std::move(request), sender = std::move(sender),
       done = std::move(done)](Result<bool> has_place) mutable {
        if (!*has_place) {
          return done(fail(Code::kQueueFull,
                           "this tenant has {} unfinished fleet commands, the most allowed",
                           shard_.settings().fleets_per_tenant));
        }
        const std::vector<std::string> patterns = std::exchange(request.devices, {});
        select_members(shard_, who, patterns,
                       [this, who, keeper, request = std::move(request), sender = std::move(sender),
                        done = std::move(done)](Result<FleetMembers> members) mutable {
                         if (!members) {
                           shard_.ports().peers.post(keeper, [tenant = who.tenant](Shard& there) {
                             there.fleet_desk().give_back_place(tenant);
                           });
                           return done(std::unexpected(std::move(members.error())));
                         }
                         Fleet fleet = fleet_of(who, std::move(request));
                         fleet.members = std::make_shared<const FleetMembers>(std::move(*members));
                         create_fleet(std::move(fleet), std::move(sender), std::move(done));
                       });
      });
}

void Operations::create_fleet(Fleet fleet, commands::Sender sender, Completion<FleetReport> done) {
  const Ports& ports = shard_.ports();
  fleet.issued_at = ports.clock.now_ms();
  fleet.id = make_id('f', fleet.issued_at, ports.random);
  const std::size_t owner = shard_.home_of(fleet.tenant, fleet.id);
  shard_.ask<FleetReport>(
      owner,
      [fleet = std::move(fleet), sender = std::move(sender)](Shard& there, auto answer) mutable {
        there.fleets().create(std::move(fleet), std::move(sender), std::move(answer));
      },
      std::move(done));
}

void Operations::get_fleet(const auth::Principal& who, const std::string& id,
                           Completion<FleetReport> done) {
  if (auto may = auth::permit(who, auth::Operation::kGetFleet); !may) {
    return done(std::unexpected(may.error()));
  }
  find_fleet(who, id, std::move(done));
}

void Operations::find_fleet(const auth::Principal& who, const std::string& id,
                            Completion<FleetReport> done) {
  shard_.ask<FleetReport>(
      shard_.home_of(who.tenant, id),
      [who, id](Shard& there, auto answer) {
        if (auto running = there.fleets().find(id)) {
          const bool may_see =
              there.fleets().tenant_of(id) == who.tenant && may_touch_all(who, *running->members);
          if (!may_see) return answer(unknown_fleet(id));
          return answer(std::move(*running));
        }
        there.ports().fleets.find_fleet(
            id, [who, id, answer = std::move(answer)](Result<std::optional<Fleet>> found) mutable {
              if (!found) return answer(std::unexpected(std::move(found.error())));
              const bool may_see = *found && (**found).tenant == who.tenant &&
                                   may_touch_all(who, *(**found).members);
              if (!may_see) return answer(unknown_fleet(id));
              answer(commands::report_of(**found));
            });
      },
      std::move(done));
}

void Operations::cancel_fleet(const auth::Principal& who, const std::string& id,
                              Completion<FleetReport> done) {
  if (auto may = auth::permit(who, auth::Operation::kCancelFleet); !may) {
    return done(std::unexpected(may.error()));
  }
  find_fleet(who, id,
             [this, id, owner = shard_.home_of(who.tenant, id),
              done = std::move(done)](Result<FleetReport> found) mutable {
               if (!found) return done(std::unexpected(std::move(found.error())));
               shard_.ask<FleetReport>(
                   owner,
                   [id, found = std::move(*found)](Shard& there, auto answer) mutable {
                     if (there.fleets().find(id)) {
                       return there.fleets().cancel(id, std::move(answer));
                     }
                     if (found.state != commands::FleetState::kRunning) {
                       return answer(cancelled_late(std::move(found)));
                     }
                     // It has ended since it was looked at: the store knows how.
                     there.ports().fleets.find_fleet(
                         id, [id, answer = std::move(answer)](
                                 Result<std::optional<Fleet>> stored) mutable {
                           if (!stored) return answer(std::unexpected(std::move(stored.error())));
                           if (!*stored) return answer(unknown_fleet(id));
                           answer(cancelled_late(commands::report_of(**stored)));
                         });
                   },
                   std::move(done));
             });
}

}  // namespace fairlead::hub
