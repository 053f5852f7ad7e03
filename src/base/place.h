#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace fairlead {

/// A bounded number of places. Thread-safe; outlives every Place of it.
class Places {
 public:
  explicit Places(std::size_t limit) : limit_(limit) {}
  Places(const Places&) = delete;
  Places& operator=(const Places&) = delete;

  std::size_t taken() const { return taken_.load(std::memory_order_relaxed); }

 private:
  friend class Place;
  bool take() {
    if (taken_.fetch_add(1, std::memory_order_relaxed) < limit_) return true;
    give_back();
    return false;
  }
  void give_back() { taken_.fetch_sub(1, std::memory_order_relaxed); }

  const std::size_t limit_;
  std::atomic<std::size_t> taken_ = 0;
};

/// One of them, or none; given back at its end.
class Place {
 public:
  Place() = default;
  ~Place() { give_back(); }
  Place(Place&& other) noexcept : places_(std::exchange(other.places_, nullptr)) {}
  Place& operator=(Place&& other) noexcept {
    if (this != &other) {
      give_back();
      places_ = std::exchange(other.places_, nullptr);
    }
    return *this;
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  /// None when all are taken.
  static Place take(Places& from) {
    Place place;
    if (from.take()) place.places_ = &from;
    return place;
  }
  bool is_taken() const { return places_ != nullptr; }
  void give_back() {
    if (places_ != nullptr) std::exchange(places_, nullptr)->give_back();
  }

 private:
  Places* places_ = nullptr;
};

}  // namespace fairlead
