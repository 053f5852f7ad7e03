#pragma once

#include <boost/container/deque.hpp>
#include <boost/intrusive/set.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/id.h"
#include "hub/session.h"

namespace fairlead::hub {

/// The sessions of one shard, by number and by id. Owns them. Thread: the shard's.
class Connections {
 public:
  Connections() = default;
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;
  ~Connections() { by_id_.clear(); }

  /// Of the session that is to be added next: a place, and how often it was given.
  SessionNumber next_number() {
    if (free_.empty()) {
      free_.push_back(places_.size());
      places_.emplace_back();
    }
    const std::size_t place = free_.back();
    return SessionNumber{places_[place].given + 1} << kPlaceBits | place;
  }

  Session& add(std::unique_ptr<Session> session) {
    const SessionNumber number = session->number();
    FAIRLEAD_ASSERT(!free_.empty() && free_.back() == place_of(number));
    free_.pop_back();
    Place& place = places_[place_of(number)];
    ++place.given;
    place.session = std::move(session);
    by_id_.insert(*place.session);
    return *place.session;
  }

  /// Null when there is none any more.
  Session* find(SessionNumber number) const {
    const std::size_t place = place_of(number);
    const bool is_its = place < places_.size() && places_[place].given == number >> kPlaceBits;
    return is_its ? places_[place].session.get() : nullptr;
  }

  Session* find(std::string_view id) const {
    const auto place = by_id_.find(id, ById());
    return place == by_id_.end() ? nullptr : find(place->number());
  }

  void erase(SessionNumber number) {
    Session* const session = find(number);
    FAIRLEAD_ASSERT(session != nullptr);
    by_id_.erase(by_id_.iterator_to(*session));
    places_[place_of(number)].session.reset();
    free_.push_back(place_of(number));
  }

  /// In the order of ids, from the first behind `after` on, until `visit` says false.
  template <typename Visit>
  void each(std::string_view after, Visit&& visit) const {
    auto place = after.empty() ? by_id_.begin() : by_id_.upper_bound(after, ById());
    for (; place != by_id_.end(); ++place) {
      if (!visit(*find(place->number()))) return;
    }
  }

  std::size_t size() const { return by_id_.size(); }

 private:
  /// More sessions than a shard can have; and a place can be given 2^32 times.
  static constexpr unsigned kPlaceBits = 32;
  static std::size_t place_of(SessionNumber number) { return number & ((1ULL << kPlaceBits) - 1); }

  struct Place {
    std::unique_ptr<Session> session;
    std::uint64_t given = 0;
  };
  struct ById {
    bool operator()(const Session& one, const Session& other) const {
      return one.info().ulid < other.info().ulid;
    }
    // Ids sort as their texts do, whatever the other text is.
    bool operator()(const Session& one, std::string_view id) const { return one.info().id() < id; }
    bool operator()(std::string_view id, const Session& one) const { return id < one.info().id(); }
  };

  /// In blocks: what grows leaves no larger copy behind.
  boost::container::deque<Place, void,
                          boost::container::deque_options<boost::container::block_size<64>>::type>
      places_;
  std::vector<std::size_t> free_;
  boost::intrusive::set<Session, boost::intrusive::compare<ById>> by_id_;
};

}  // namespace fairlead::hub
