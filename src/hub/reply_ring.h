#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

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
/// they become known.
class ReplyRing {
 public:
  using Ticket = std::uint64_t;

  Ticket open() {
    slots_.emplace_back();
    return first_ + slots_.size() - 1;
  }

  /// Once a ticket.
  void fill(Ticket ticket, Answer answer) {
    if (ticket >= first_ && ticket - first_ < slots_.size()) {
      slots_[ticket - first_] = std::move(answer);
    }
  }

  /// The next answer in order, if it is known.
  std::optional<Answer> next() {
    if (slots_.empty() || !slots_.front()) return std::nullopt;
    std::optional<Answer> answer = std::move(slots_.front());
    slots_.pop_front();
    ++first_;
    return answer;
  }

  std::size_t size() const { return slots_.size(); }

 private:
  Ticket first_ = 0;
  std::deque<std::optional<Answer>> slots_;
};

}  // namespace fairlead::hub
