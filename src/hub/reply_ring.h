#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
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
    if (!kept_) kept_ = std::make_unique<Kept>();
    auto& slots = kept_->slots;
    // Places that were left move out of the way before the vector would grow, if that is worth it.
    if (slots.size() == slots.capacity() && kept_->left > slots.size() / 2) {
      slots.erase(slots.begin(), slots.begin() + static_cast<std::ptrdiff_t>(kept_->left));
      kept_->left = 0;
    }
    slots.push_back({.id = std::move(id), .answer = std::nullopt});
    return first_ + size() - 1;
  }

  /// Whether an answer is owed to it.
  bool holds(Ticket ticket) const { return ticket >= first_ && ticket - first_ < size(); }
  /// Whether every earlier answer has left.
  bool is_next(Ticket ticket) const { return size() > 0 && ticket == first_; }
  /// Of the request, until its answer is kept or leaves.
  const protocol::RequestId& id(Ticket ticket) const { return at(ticket).id; }

  /// The answer, while an earlier one is awaited. Once a ticket.
  void fill(Ticket ticket, Answer answer) {
    kept_->bytes += answer.json.size();
    at(ticket).answer = std::move(answer);
  }
  /// The next answer leaves without having been kept.
  protocol::RequestId skip() {
    protocol::RequestId id = std::move(at(first_).id);
    leave();
    return id;
  }

  /// The next answer in order, if it is known.
  std::optional<Answer> next() {
    if (size() == 0 || !at(first_).answer) return std::nullopt;
    std::optional<Answer> answer = std::move(at(first_).answer);
    kept_->bytes -= answer->json.size();
    leave();
    return answer;
  }

  /// Of the answers that are kept.
  std::size_t bytes() const { return kept_ ? kept_->bytes : 0; }

  /// Answers that are owed.
  std::size_t size() const { return kept_ ? kept_->slots.size() - kept_->left : 0; }

  /// Gives back the memory of busier times while nothing is owed.
  void rest() {
    if (size() == 0) kept_.reset();
  }

 private:
  struct Slot {
    protocol::RequestId id;
    std::optional<Answer> answer;
  };
  struct Kept {
    /// Behind `left` places whose answers have left.
    std::vector<Slot> slots;
    std::size_t left = 0;
    std::size_t bytes = 0;
  };

  Slot& at(Ticket ticket) const {
    FAIRLEAD_ASSERT(holds(ticket));
    return kept_->slots[kept_->left + (ticket - first_)];
  }
  void leave() {
    at(first_) = {};
    ++kept_->left;
    ++first_;
    if (size() > 0) return;
    kept_->slots.clear();
    kept_->left = 0;
  }

  Ticket first_ = 0;
  /// Null before the first request, and after a rest.
  std::unique_ptr<Kept> kept_;
};

}  // namespace fairlead::hub
