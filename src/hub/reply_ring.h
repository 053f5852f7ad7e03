#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fairlead::hub {

/// What a request is answered with.
struct Answer {
  enum class Kind : std::uint8_t { kOk, kBadMessage, kOtherError };
  Kind kind = Kind::kOk;
  /// The message as JSON; empty: nothing is sent.
  std::string json;
  /// The ack of a subscription: what was held for it may follow.
  bool ends_join = false;
};

/// Keeps the answers of one connection in the order of its requests, whatever the order in which
/// they become known. Takes no memory before the first request.
class ReplyRing {
 public:
  using Ticket = std::uint64_t;

  Ticket open() {
    // Places that were left move out of the way before the vector would grow, if that is worth it.
    if (slots_.size() == slots_.capacity() && left_ > slots_.size() / 2) {
      slots_.erase(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(left_));
      left_ = 0;
    }
    slots_.emplace_back();
    return first_ + size() - 1;
  }

  /// Once a ticket.
  void fill(Ticket ticket, Answer answer) {
    if (ticket >= first_ && ticket - first_ < size()) {
      slots_[left_ + (ticket - first_)] = std::move(answer);
    }
  }

  /// The next answer in order, if it is known.
  std::optional<Answer> next() {
    if (size() == 0 || !slots_[left_]) return std::nullopt;
    std::optional<Answer> answer = std::exchange(slots_[left_], std::nullopt);
    ++left_;
    ++first_;
    if (size() == 0) {
      slots_.clear();
      left_ = 0;
    }
    return answer;
  }

  /// Answers that are owed.
  std::size_t size() const { return slots_.size() - left_; }

  /// Gives back the memory of busier times while nothing is owed.
  void rest() {
    if (slots_.empty()) decltype(slots_)().swap(slots_);
  }

 private:
  Ticket first_ = 0;
  /// Behind `left_` places whose answers have left.
  std::vector<std::optional<Answer>> slots_;
  std::size_t left_ = 0;
};

}  // namespace fairlead::hub
