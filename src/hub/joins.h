#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "hub/durables.h"
#include "hub/home.h"
#include "hub/reply_ring.h"
#include "hub/session.h"
#include "protocol/requests.h"

namespace fairlead::hub {

class Shard;

/// Subscribing, from the client's side: asks the home shards that can match, joins their parts of
/// the snapshot, acks; and the end of subscriptions. A durable one is first made, or looked for, on
/// the home shard of the client's name. Thread: the shard's.
class Joins {
 public:
  explicit Joins(Shard& shard) : shard_(shard) {}

  void subscribe(Session& session, protocol::RequestId id, protocol::Subscribe request);
  void unsubscribe(Session& session, protocol::RequestId id, const protocol::Unsubscribe& request);
  /// A connection ended: its subscriptions end with it.
  void leave_all(Session& session);
  /// A fresh token: permissions of running subscriptions follow it.
  void set_principal(Session& session);
  /// Those that run are in use. To be called once a second.
  void touch_durables();

 private:
  /// What a connection wants from now on.
  struct Wish {
    Selection selection;
    std::vector<std::pair<std::string, std::int64_t>> after;
    std::optional<std::int64_t> since;
    std::string durable;
  };
  struct Join {
    SessionNumber session = 0;
    ReplyRing::Ticket ticket = 0;
    SubscriptionNumber number = 0;
    std::size_t parts_left = 0;
    std::map<std::string, std::string> devices;
    bool is_truncated = false;
  };
  /// Gets null when the connection has ended meanwhile.
  using Then = std::move_only_function<void(Session*)>;
  struct Leave {
    SessionNumber session = 0;
    SubscriptionNumber number = 0;
    std::size_t shards_left = 0;
    Then then;
  };
  using JoinId = std::uint64_t;
  /// A durable subscription of one connection.
  using DurableUse = std::pair<SessionNumber, std::string>;
  struct Touch {
    std::int64_t due_steady_ms = 0;
    SessionNumber session = 0;
    SubscriptionNumber number = 0;
  };

  static Result<void> check_room(const Session& session);
  static Result<Selection> select(const Session& session, protocol::Subscribe& request);
  std::vector<std::size_t> shards_of(const std::string& tenant,
                                     const std::vector<std::string>& patterns) const;
  /// Those that know a subscription of it.
  static std::set<std::size_t> shards_of(const Session& session);
  void begin(Session& session, ReplyRing::Ticket ticket, Wish wish);
  void take_part(JoinId join, SnapshotPart part);
  void answer(const Join& join);
  /// `then` follows when no home shard knows it any more.
  void leave(Session& session, SubscriptionNumber number, Then then);
  void left(JoinId leave);

  // Durable ones. What a connection asks about one name is done in its order.
  void in_turn(DurableUse use, std::move_only_function<void()> work);
  void done_with(const DurableUse& use);
  void subscribe_durable(Session& session, ReplyRing::Ticket ticket, protocol::Subscribe request);
  void put(Session& session, ReplyRing::Ticket ticket, const DurableUse& use,
           protocol::Subscribe request);
  void take_up(Session& session, ReplyRing::Ticket ticket, const DurableUse& use,
               protocol::Subscribe request);
  void taken_up(const DurableUse& use, ReplyRing::Ticket ticket, Result<Wish> wish);
  void unsubscribe_durable(Session& session, ReplyRing::Ticket ticket, const std::string& name);
  void removed(const DurableUse& use, ReplyRing::Ticket ticket, const Result<void>& result);
  void touch(const Session& session, const std::string& name);
  /// Null when the connection has ended.
  Session* living(SessionNumber number) const;

  Shard& shard_;
  std::map<JoinId, Join> running_;
  std::map<JoinId, Leave> leaving_;
  JoinId last_join_ = 0;
  /// What waits for its turn, behind what is under way.
  std::map<DurableUse, std::deque<std::move_only_function<void()>>> under_way_;
  /// In the order in which they are due.
  std::deque<Touch> touches_;
};

}  // namespace fairlead::hub
