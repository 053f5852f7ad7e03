#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "hub/session.h"

namespace fairlead::hub {

/// The sessions of one shard, by number and by id. Owns them. Thread: the shard's.
class Connections {
 public:
  SessionNumber next_number() { return ++last_number_; }

  Session& add(std::unique_ptr<Session> session) {
    Session& added = *session;
    by_id_.emplace(added.info().id, added.number());
    by_number_.emplace(added.number(), std::move(session));
    return added;
  }

  /// Null when there is none any more.
  Session* find(SessionNumber number) const {
    const auto place = by_number_.find(number);
    return place == by_number_.end() ? nullptr : place->second.get();
  }

  Session* find(std::string_view id) const {
    const auto place = by_id_.find(id);
    return place == by_id_.end() ? nullptr : find(place->second);
  }

  void erase(SessionNumber number) {
    const auto place = by_number_.find(number);
    FAIRLEAD_ASSERT(place != by_number_.end());
    by_id_.erase(place->second->info().id);
    by_number_.erase(place);
  }

  /// In the order of ids, from the first behind `after` on, until `visit` says false.
  template <typename Visit>
  void each(std::string_view after, Visit&& visit) const {
    for (auto place = by_id_.upper_bound(after); place != by_id_.end(); ++place) {
      if (!visit(*find(place->second))) return;
    }
  }

  std::size_t size() const { return by_number_.size(); }

 private:
  SessionNumber last_number_ = 0;
  boost::unordered_flat_map<SessionNumber, std::unique_ptr<Session>> by_number_;
  std::map<std::string, SessionNumber, std::less<>> by_id_;
};

}  // namespace fairlead::hub
