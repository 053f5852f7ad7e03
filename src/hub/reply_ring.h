#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "protocol/requests.h"

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

  /// `id`: of the request, none where it had none.
  Ticket open(protocol::RequestId id) {
    // Places that were left move out of the way before the vector would grow, if that is worth it.
    if (slots_.size() == slots_.capacity() && left_ > slots_.size() / 2) {
      slots_.erase(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(left_));
      left_ = 0;
    }
    slots_.push_back({.id = std::move(id), .answer = std::nullopt});
    return first_ + size() - 1;
  }

  /// Whether an answer is owed to it.
  bool holds(Ticket ticket) const { return ticket >= first_ && ticket - first_ < size(); }
  /// Whether every earlier answer has left.
  bool is_next(Ticket ticket) const { return size() > 0 && ticket == first_; }
  /// Of the request, until its answer is kept or leaves.
  const protocol::RequestId& id(Ticket ticket) const { return slots_[place(ticket)].id; }

  /// The answer, while an earlier one is awaited. Once a ticket.
  void fill(Ticket ticket, Answer answer) { slots_[place(ticket)].answer = std::move(answer); }
  /// The next answer leaves without having been kept.
  protocol::RequestId skip() {
    protocol::RequestId id = std::move(slots_[left_].id);
    leave();
    return id;
  }

  /// The next answer in order, if it is known.
  std::optional<Answer> next() {
    if (size() == 0 || !slots_[left_].answer) return std::nullopt;
    std::optional<Answer> answer = std::move(slots_[left_].answer);
    leave();
    return answer;
  }

  /// Answers that are owed.
  std::size_t size() const { return slots_.size() - left_; }

  /// Gives back the memory of busier times while nothing is owed.
  void rest() {
    if (slots_.empty()) decltype(slots_)().swap(slots_);
  }

 private:
  struct Slot {
    protocol::RequestId id;
    std::optional<Answer> answer;
  };

  std::size_t place(Ticket ticket) const {
    FAIRLEAD_ASSERT(holds(ticket));
    return left_ + (ticket - first_);
  }
  void leave() {
    slots_[left_] = {};
    ++left_;
    ++first_;
    if (size() > 0) return;
    slots_.clear();
    left_ = 0;
  }

  Ticket first_ = 0;
  /// Behind `left_` places whose answers have left.
  std::vector<Slot> slots_;
  std::size_t left_ = 0;
};

}  // namespace fairlead::hub
