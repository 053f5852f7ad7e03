#include "hub/joins.h"

#include <algorithm>
#include <numeric>
#include <ranges>

#include "hub/shard.h"
#include "protocol/json_writer.h"
#include "protocol/limits.h"
#include "protocol/names.h"

namespace fairlead::hub {

Result<Selection> Joins::select(const Session& session, protocol::Subscribe& request) const {
  if (request.durable) {
    return invalid_field("durable", "durable subscriptions are not supported by this version");
  }
  if (session.subscribed().list.size() >= kMaxSubscriptions) {
    return fail(Code::kTooLarge, "a connection has at most {} subscriptions", kMaxSubscriptions);
  }
  const std::uint8_t permitted = permitted_events(*session.principal());
  const std::uint8_t events = request.events.value_or(permitted);
  for (unsigned bit = 1; bit <= events; bit <<= 1) {
    if ((events & bit) == 0) continue;
    const auto operation = operation_of(static_cast<protocol::EventBit>(bit));
    if (auto may = auth::permit(*session.principal(), operation); !may) {
      return std::unexpected(std::move(may.error()));
    }
  }
  if (events == 0) {
    return fail(Code::kForbidden,
                "subscribing needs one of the scopes telemetry:read, device:read, command:read");
  }
  return Selection{.patterns = std::move(request.devices),
                   .events = events,
                   .metrics = std::move(request.metrics),
                   .min_interval_ms = request.min_interval_ms};
}

std::vector<std::size_t> Joins::shards_of(const std::string& tenant,
                                          const std::vector<std::string>& patterns) const {
  const std::size_t count = shard_.ports().peers.count();
  std::set<std::size_t> shards;
  for (const std::string& pattern : patterns) {
    if (protocol::is_prefix(pattern)) {
      std::vector<std::size_t> all(count);
      std::iota(all.begin(), all.end(), 0);
      return all;
    }
    shards.insert(shard_.home_of(tenant, pattern));
  }
  return {shards.begin(), shards.end()};
}

void Joins::subscribe(Session& session, protocol::RequestId id, protocol::Subscribe request) {
  const ReplyRing::Ticket ticket = session.take_ticket(std::move(id));
  auto selection = select(session, request);
  if (!selection) {
    session.answer_error(ticket, selection.error());
    return;
  }
  Session::Subscribed& subscribed = session.subscribed();
  const SubscriptionNumber number = ++subscribed.last;
  const auto shards = shards_of(session.principal()->tenant, selection->patterns);
  subscribed.list.emplace_back(number, shards);
  session.begin_join();
  const JoinId join_id = ++last_join_;
  running_.emplace(join_id, Join{.session = session.number(),
                                 .ticket = ticket,
                                 .number = number,
                                 .parts_left = shards.size(),
                                 .devices = {},
                                 .is_truncated = false});
  const JoinRequest join{.viewer = {.shard = shard_.index(), .session = session.number()},
                         .codec = session.info().codec,
                         .principal = *session.principal(),
                         .number = number,
                         .selection = std::move(*selection),
                         .after = std::move(request.after),
                         .since = request.since};
  for (const std::size_t shard : shards) {
    shard_.ask<SnapshotPart>(
        shard, [join](Shard& home, auto done) { done(home.home().join(join)); },
        [this, join_id](Result<SnapshotPart> part) { take_part(join_id, std::move(*part)); });
  }
}

void Joins::take_part(JoinId join_id, SnapshotPart part) {
  const auto place = running_.find(join_id);
  if (place == running_.end()) return;
  Join& join = place->second;
  join.is_truncated = join.is_truncated || part.is_truncated;
  for (auto& [id, json] : part.devices) join.devices.emplace(std::move(id), std::move(json));
  if (--join.parts_left > 0) return;
  answer(join);
  running_.erase(join_id);
}

void Joins::answer(const Join& join) {
  Session* const session = shard_.connections().find(join.session);
  if (session == nullptr) return;
  const auto write = [&join](protocol::JsonWriter& json) {
    json.member("subscription", subscription_name(join.number)).key("devices").begin_array();
    for (const auto& [id, device] :
         join.devices | std::views::take(protocol::kMaxSnapshotDevices)) {
      json.raw(device);
    }
    json.end_array();
    const bool is_cut = join.devices.size() > protocol::kMaxSnapshotDevices;
    if (join.is_truncated || is_cut) json.member("truncated", true);
  };
  session->answer_ok(join.ticket, write, true);
}

void Joins::unsubscribe(Session& session, protocol::RequestId id,
                        const protocol::Unsubscribe& request) {
  const ReplyRing::Ticket ticket = session.take_ticket(std::move(id));
  const auto number = request.subscription ? subscription_number(*request.subscription)
                                           : std::optional<SubscriptionNumber>();
  auto& subscriptions = session.subscribed().list;
  const auto entry = std::ranges::find_if(
      subscriptions, [&number](const auto& known) { return number && known.first == *number; });
  if (entry == subscriptions.end()) {
    const Error error{
        .code = Code::kNotFound,
        .message = fmt::format("subscription {}: not found",
                               request.subscription.value_or(request.durable.value_or("")))};
    session.answer_error(ticket, error);
    return;
  }
  const std::vector<std::size_t> shards = std::move(entry->second);
  subscriptions.erase(entry);
  const Viewer viewer{.shard = shard_.index(), .session = session.number()};
  // The ack leaves when no home shard knows the subscription any more: nothing comes after it.
  const JoinId leave_id = ++last_join_;
  leaving_.emplace(leave_id, Leave{.session = session.number(),
                                   .ticket = ticket,
                                   .number = *number,
                                   .shards_left = shards.size()});
  for (const std::size_t shard : shards) {
    shard_.ask<void>(
        shard,
        [viewer, number = *number](Shard& home, auto done) {
          home.home().leave(viewer, number);
          done({});
        },
        [this, leave_id](Result<void>) { left(leave_id); });
  }
}

void Joins::left(JoinId leave_id) {
  const auto place = leaving_.find(leave_id);
  Leave& leave = place->second;
  if (--leave.shards_left > 0) return;
  if (Session* const session = shard_.connections().find(leave.session)) {
    // Not before: until now events of the subscription came in.
    session->forget_subscription(leave.number);
    session->answer_ok(leave.ticket);
  }
  leaving_.erase(place);
}

std::set<std::size_t> Joins::shards_of(const Session& session) {
  std::set<std::size_t> shards;
  for (const auto& [number, known_to] : session.subscribed().list) {
    shards.insert(known_to.begin(), known_to.end());
  }
  return shards;
}

void Joins::leave_all(Session& session) {
  const Viewer viewer{.shard = shard_.index(), .session = session.number()};
  const std::set<std::size_t> shards = shards_of(session);
  if (!shards.empty()) session.subscribed().list.clear();
  for (const std::size_t shard : shards) {
    // By mail also to this shard: the caller may be in the middle of a delivery.
    shard_.ports().peers.post(shard, [viewer](Shard& home) { home.home().leave_all(viewer); });
  }
}

void Joins::set_principal(Session& session) {
  const Viewer viewer{.shard = shard_.index(), .session = session.number()};
  for (const std::size_t shard : shards_of(session)) {
    shard_.ask<void>(
        shard,
        [viewer, principal = *session.principal()](Shard& home, auto done) {
          home.home().set_principal(viewer, principal);
          done({});
        },
        [](Result<void>) {});
  }
}

}  // namespace fairlead::hub
