#include "hub/joins.h"

#include <algorithm>
#include <numeric>
#include <ranges>

#include "hub/shard.h"
#include "protocol/json_writer.h"
#include "protocol/limits.h"
#include "protocol/names.h"

namespace fairlead::hub {

Result<void> Joins::check_room(const Session& session) {
  const Session::Subscribed& subscribed = session.subscribed();
  if (subscribed.list.size() + subscribed.awaited < kMaxSubscriptions) return {};
  Error error{
      .code = Code::kTooLarge,
      .message = fmt::format("a connection has at most {} subscriptions", kMaxSubscriptions)};
  error.limit = static_cast<std::int64_t>(kMaxSubscriptions);
  return std::unexpected(std::move(error));
}

Result<Selection> Joins::select(const Session& session, protocol::Subscribe& request) {
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
  if (auto room = check_room(session); !room) {
    session.answer_error(ticket, room.error());
    return;
  }
  if (request.durable) {
    subscribe_durable(session, ticket, std::move(request));
    return;
  }
  auto selection = select(session, request);
  if (!selection) {
    session.answer_error(ticket, selection.error());
    return;
  }
  begin(session, ticket,
        {.selection = std::move(*selection),
         .after = std::move(request.after),
         .since = request.since,
         .durable = {}});
}

void Joins::begin(Session& session, ReplyRing::Ticket ticket, Wish wish) {
  Session::Subscribed& subscribed = session.subscribed();
  const SubscriptionNumber number = ++subscribed.last;
  const auto shards = shards_of(session.principal()->tenant, wish.selection.patterns);
  subscribed.list.push_back(
      {.number = number, .shards = shards, .durable = std::move(wish.durable)});
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
                         .selection = std::move(wish.selection),
                         .after = std::move(wish.after),
                         .since = wish.since};
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
  if (request.durable) {
    unsubscribe_durable(session, ticket, *request.durable);
    return;
  }
  const auto number = subscription_number(*request.subscription);
  const auto& list = session.subscribed().list;
  const auto entry = std::ranges::find_if(
      list, [&number](const auto& known) { return number && known.number == *number; });
  if (entry == list.end()) {
    const Error error{.code = Code::kNotFound,
                      .message = fmt::format("subscription {}: not found", *request.subscription)};
    session.answer_error(ticket, error);
    return;
  }
  if (!entry->durable.empty()) touch(session, entry->durable);
  leave(session, *number, [ticket](Session* asking) {
    if (asking != nullptr) asking->answer_ok(ticket);
  });
}

void Joins::leave(Session& session, SubscriptionNumber number, Then then) {
  auto& list = session.subscribed().list;
  const auto entry = std::ranges::find(list, number, &Session::RunningSubscription::number);
  const std::vector<std::size_t> shards = std::move(entry->shards);
  list.erase(entry);
  const Viewer viewer{.shard = shard_.index(), .session = session.number()};
  const JoinId leave_id = ++last_join_;
  leaving_.emplace(leave_id, Leave{.session = session.number(),
                                   .number = number,
                                   .shards_left = shards.size(),
                                   .then = std::move(then)});
  for (const std::size_t shard : shards) {
    shard_.ask<void>(
        shard,
        [viewer, number](Shard& home, auto done) {
          home.home().leave(viewer, number);
          done({});
        },
        [this, leave_id](Result<void>) { left(leave_id); });
  }
}

void Joins::left(JoinId leave_id) {
  const auto place = leaving_.find(leave_id);
  if (--place->second.shards_left > 0) return;
  Leave leave = std::move(place->second);
  leaving_.erase(place);
  Session* const session = living(leave.session);
  // Not before: until now events of the subscription came in.
  if (session != nullptr) session->forget_subscription(leave.number);
  leave.then(session);
}

std::set<std::size_t> Joins::shards_of(const Session& session) {
  std::set<std::size_t> shards;
  for (const auto& known : session.subscribed().list) {
    shards.insert(known.shards.begin(), known.shards.end());
  }
  return shards;
}

void Joins::leave_all(Session& session) {
  const Viewer viewer{.shard = shard_.index(), .session = session.number()};
  const std::set<std::size_t> shards = shards_of(session);
  if (shards.empty()) return;
  for (const auto& known : session.subscribed().list) {
    if (!known.durable.empty()) touch(session, known.durable);
  }
  session.subscribed().list.clear();
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

Session* Joins::living(SessionNumber number) const {
  Session* const session = shard_.connections().find(number);
  return session == nullptr || session->is_ended() ? nullptr : session;
}

}  // namespace fairlead::hub
