// Durable subscriptions, from the side of the connection that uses them.
#include <algorithm>
#include <utility>

#include "hub/joins.h"
#include "hub/shard.h"
#include "protocol/definition.h"

namespace fairlead::hub {
namespace {

DurableOwner owner_of(const Session& session) {
  return {.tenant = session.principal()->tenant, .subject = session.principal()->subject};
}

}  // namespace

void Joins::in_turn(DurableUse use, std::move_only_function<void()> work) {
  const auto [place, is_first] = under_way_.try_emplace(std::move(use));
  if (is_first) {
    work();
  } else {
    place->second.push_back(std::move(work));
  }
}

void Joins::done_with(const DurableUse& use) {
  const auto place = under_way_.find(use);
  if (place->second.empty()) {
    under_way_.erase(place);
    return;
  }
  auto next = std::move(place->second.front());
  place->second.pop_front();
  next();
}

void Joins::subscribe_durable(Session& session, ReplyRing::Ticket ticket,
                              protocol::Subscribe request) {
  ++session.subscribed().awaited;
  const DurableUse use(session.number(), *request.durable);
  in_turn(use, [this, use, ticket, request = std::move(request)]() mutable {
    Session* const asking = living(use.first);
    if (asking == nullptr) return done_with(use);
    if (request.devices.empty()) {
      take_up(*asking, ticket, use, std::move(request));
    } else {
      put(*asking, ticket, use, std::move(request));
    }
  });
}

void Joins::put(Session& session, ReplyRing::Ticket ticket, const DurableUse& use,
                protocol::Subscribe request) {
  std::string definition = protocol::write_definition(request);
  auto selection = select(session, request);
  if (!selection) return taken_up(use, ticket, std::unexpected(std::move(selection.error())));
  Wish wish{.selection = std::move(*selection),
            .after = std::move(request.after),
            .since = request.since,
            .durable = use.second};
  const DurableOwner owner = owner_of(session);
  shard_.ask<void>(
      shard_.home_of(owner.tenant, owner.subject),
      [owner, name = use.second, definition = std::move(definition)](Shard& home, auto done) {
        home.durables().put(owner, name, definition, std::move(done));
      },
      [this, use, ticket, wish = std::move(wish)](Result<void> stored) mutable {
        if (!stored) return taken_up(use, ticket, std::unexpected(std::move(stored.error())));
        taken_up(use, ticket, std::move(wish));
      });
}

void Joins::take_up(Session& session, ReplyRing::Ticket ticket, const DurableUse& use,
                    protocol::Subscribe request) {
  const DurableOwner owner = owner_of(session);
  auto read = [this, use, request = std::move(request)](
                  const std::string& definition) mutable -> Result<Wish> {
    auto asked = shard_.parser().parse_definition(definition);
    if (!asked) return std::unexpected(std::move(asked.error()));
    const Session* const asking = living(use.first);
    if (asking == nullptr) return fail(Code::kNotFound, "the connection has ended");
    // What the token permits now, not what one permitted when it was made.
    auto selection = select(*asking, *asked);
    if (!selection) return std::unexpected(std::move(selection.error()));
    return Wish{.selection = std::move(*selection),
                .after = std::move(request.after),
                .since = request.since,
                .durable = use.second};
  };
  shard_.ask<std::string>(
      shard_.home_of(owner.tenant, owner.subject),
      [owner, name = use.second](Shard& home, auto done) {
        home.durables().take_up(owner, name, std::move(done));
      },
      [this, use, ticket, read = std::move(read)](Result<std::string> definition) mutable {
        if (!definition) {
          return taken_up(use, ticket, std::unexpected(std::move(definition.error())));
        }
        taken_up(use, ticket, read(*definition));
      });
}

void Joins::taken_up(const DurableUse& use, ReplyRing::Ticket ticket, Result<Wish> wish) {
  Session* const session = living(use.first);
  if (session == nullptr) return done_with(use);
  if (!wish) {
    --session->subscribed().awaited;
    session->answer_error(ticket, wish.error());
    return done_with(use);
  }
  auto begin_now = [this, use, ticket, wish = std::move(*wish)](Session* asking) mutable {
    if (asking == nullptr) return done_with(use);
    --asking->subscribed().awaited;
    begin(*asking, ticket, std::move(wish));
    touches_.push_back(
        {.due_steady_ms = shard_.ports().clock.steady_ms() + durable_touch_ms(shard_.settings()),
         .session = asking->number(),
         .number = asking->subscribed().last});
    done_with(use);
  };
  // The one that runs under this name ends first, so that nothing comes twice.
  const auto& list = session->subscribed().list;
  const auto before = std::ranges::find(list, use.second, &Session::RunningSubscription::durable);
  if (before == list.end()) {
    begin_now(session);
  } else {
    leave(*session, before->number, std::move(begin_now));
  }
}

void Joins::unsubscribe_durable(Session& session, ReplyRing::Ticket ticket,
                                const std::string& name) {
  const DurableUse use(session.number(), name);
  in_turn(use, [this, use, ticket] {
    const Session* const asking = living(use.first);
    if (asking == nullptr) return done_with(use);
    const DurableOwner owner = owner_of(*asking);
    shard_.ask<void>(
        shard_.home_of(owner.tenant, owner.subject),
        [owner, name = use.second](Shard& home, auto done) {
          home.durables().remove(owner, name, std::move(done));
        },
        [this, use, ticket](const Result<void>& result) { removed(use, ticket, result); });
  });
}

void Joins::removed(const DurableUse& use, ReplyRing::Ticket ticket, const Result<void>& result) {
  Session* const session = living(use.first);
  if (session == nullptr) return done_with(use);
  if (!result) {
    session->answer_error(ticket, result.error());
    return done_with(use);
  }
  auto answer_now = [this, use, ticket](Session* asking) {
    if (asking != nullptr) asking->answer_ok(ticket);
    done_with(use);
  };
  const auto& list = session->subscribed().list;
  const auto running = std::ranges::find(list, use.second, &Session::RunningSubscription::durable);
  if (running == list.end()) {
    answer_now(session);
  } else {
    leave(*session, running->number, std::move(answer_now));
  }
}

void Joins::touch(const Session& session, const std::string& name) {
  const DurableOwner owner = owner_of(session);
  shard_.ports().peers.post(shard_.home_of(owner.tenant, owner.subject),
                            [owner, name](Shard& home) { home.durables().touch(owner, name); });
}

void Joins::touch_durables() {
  const std::int64_t now = shard_.ports().clock.steady_ms();
  while (!touches_.empty() && touches_.front().due_steady_ms <= now) {
    Touch next = touches_.front();
    touches_.pop_front();
    const Session* const session = living(next.session);
    if (session == nullptr) continue;
    const auto& list = session->subscribed().list;
    const auto running =
        std::ranges::find(list, next.number, &Session::RunningSubscription::number);
    if (running == list.end()) continue;
    touch(*session, running->durable);
    next.due_steady_ms = now + durable_touch_ms(shard_.settings());
    touches_.push_back(next);
  }
}

}  // namespace fairlead::hub
