#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "hub/home.h"
#include "hub/reply_ring.h"
#include "hub/session.h"
#include "protocol/requests.h"

namespace fairlead::hub {

class Shard;

/// Subscribing, from the client's side: asks the home shards that can match, joins their parts of
/// the snapshot, acks; and the end of subscriptions. Thread: the shard's.
class Joins {
 public:
  explicit Joins(Shard& shard) : shard_(shard) {}

  void subscribe(Session& session, protocol::RequestId id, protocol::Subscribe request);
  void unsubscribe(Session& session, protocol::RequestId id, const protocol::Unsubscribe& request);
  /// A connection ended: its subscriptions end with it.
  void leave_all(Session& session);
  /// A fresh token: permissions of running subscriptions follow it.
  void set_principal(Session& session);

 private:
  struct Join {
    SessionNumber session = 0;
    ReplyRing::Ticket ticket = 0;
    SubscriptionNumber number = 0;
    std::size_t parts_left = 0;
    std::map<std::string, std::string> devices;
    bool is_truncated = false;
  };
  struct Leave {
    SessionNumber session = 0;
    ReplyRing::Ticket ticket = 0;
    SubscriptionNumber number = 0;
    std::size_t shards_left = 0;
  };
  using JoinId = std::uint64_t;

  Result<Selection> select(const Session& session, protocol::Subscribe& request) const;
  std::vector<std::size_t> shards_of(const std::string& tenant,
                                     const std::vector<std::string>& patterns) const;
  /// Those that know a subscription of it.
  static std::set<std::size_t> shards_of(const Session& session);
  void take_part(JoinId join, SnapshotPart part);
  void answer(const Join& join);
  void left(JoinId leave);

  Shard& shard_;
  std::map<JoinId, Join> running_;
  std::map<JoinId, Leave> leaving_;
  JoinId last_join_ = 0;
};

}  // namespace fairlead::hub
