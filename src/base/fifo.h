#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace fairlead {

/// First in, first out, in one piece of memory that is kept: a queue that comes and goes asks the
/// heap only while it grows beyond what it ever held.
template <typename T>
class Fifo {
 public:
  void push(T value) {
    if (values_.size() == values_.capacity() && left_ > values_.size() / 2) {
      values_.erase(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(left_));
      left_ = 0;
    }
    values_.push_back(std::move(value));
  }

  T pop() {
    FAIRLEAD_ASSERT(!is_empty());
    T value = std::move(values_[left_++]);
    if (left_ == values_.size()) clear();
    return value;
  }

  bool is_empty() const { return size() == 0; }
  std::size_t size() const { return values_.size() - left_; }
  void clear() {
    values_.clear();
    left_ = 0;
  }

 private:
  /// Behind `left_` places that were popped.
  std::vector<T> values_;
  std::size_t left_ = 0;
};

}  // namespace fairlead
