#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace fairlead {

/// The same number of places for each of many names, counted while one is taken; a limit of 0 is
/// none, and nothing is counted then. Thread-safe: each lock stands for a part of the names.
class KeyedPlaces {
 public:
  explicit KeyedPlaces(std::size_t limit) : limit_(limit) {}
  KeyedPlaces(const KeyedPlaces&) = delete;
  KeyedPlaces& operator=(const KeyedPlaces&) = delete;

  std::size_t limit() const { return limit_; }

  /// False when all of that name are taken.
  bool take(const std::string& name) {
    if (limit_ == 0) return true;
    Part& part = part_of(name);
    const std::lock_guard lock(part.mutex);
    std::size_t& taken = part.taken[name];
    if (taken >= limit_) return false;
    ++taken;
    return true;
  }
  /// Once for each that was taken.
  void give_back(const std::string& name) {
    if (limit_ == 0) return;
    Part& part = part_of(name);
    const std::lock_guard lock(part.mutex);
    const auto place = part.taken.find(name);
    if (--place->second == 0) part.taken.erase(place);
  }
  bool has_room(const std::string& name) {
    if (limit_ == 0) return true;
    Part& part = part_of(name);
    const std::lock_guard lock(part.mutex);
    const auto place = part.taken.find(name);
    return place == part.taken.end() || place->second < limit_;
  }

 private:
  struct Part {
    std::mutex mutex;
    boost::unordered_flat_map<std::string, std::size_t> taken;
  };
  Part& part_of(const std::string& name) {
    return parts_[std::hash<std::string>()(name) % parts_.size()];
  }

  const std::size_t limit_;
  std::array<Part, 16> parts_;
};

}  // namespace fairlead
