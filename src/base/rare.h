#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <utility>

namespace fairlead {

/// An optional value that is not there most of the time: one pointer, and the value on the heap
/// once there is one. Copies and compares as its value does.
template <typename T>
class Rare {
 public:
  Rare() = default;
  template <std::convertible_to<T> U>
  Rare(U&& value) : value_(std::make_unique<T>(std::forward<U>(value))) {}
  Rare(std::optional<T> value) {
    if (value) value_ = std::make_unique<T>(*std::move(value));
  }
  Rare(const Rare& other) : value_(other ? std::make_unique<T>(*other) : nullptr) {}
  Rare(Rare&&) noexcept = default;
  Rare& operator=(Rare&&) noexcept = default;
  Rare& operator=(const Rare& other) {
    if (this != &other) *this = Rare(other);
    return *this;
  }
  ~Rare() = default;

  explicit operator bool() const { return value_ != nullptr; }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return value_.get(); }
  const T* operator->() const { return value_.get(); }
  void reset() { value_.reset(); }

  friend bool operator==(const Rare& one, const Rare& other) {
    return one && other ? *one == *other : one.value_ == other.value_;
  }
  template <typename U>
    requires(!std::same_as<U, Rare>)
  friend bool operator==(const Rare& one, const U& value) {
    return one && *one == value;
  }

 private:
  std::unique_ptr<T> value_;
};

}  // namespace fairlead
