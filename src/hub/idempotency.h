#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/completion.h"

namespace fairlead::hub {

/// Tenant, issuer, key.
using IdempotencyName = std::tuple<std::string, std::string, std::string>;

/// Which command a principal's idempotency key made, for 24 hours. A key is at home on one shard,
/// whatever device it was used for. Bounded: beyond kMaxKeys the oldest is forgotten early.
/// Thread: the shard's.
class IdempotencyKeys {
 public:
  static constexpr std::int64_t kKeepMs = 24LL * 60 * 60 * 1000;
  static constexpr std::size_t kMaxKeys = 200'000;

  explicit IdempotencyKeys(const Clock& clock) : clock_(clock) {}

  /// The command that the key made; nullopt: the key is the caller's to use, who owes a settle().
  /// While another holds it, the answer waits for that one's settle().
  void claim(const IdempotencyName& name, Completion<std::optional<std::string>> done) {
    forget_old();
    const auto place = keys_.find(name);
    if (place == keys_.end()) {
      keys_.emplace(name, Key());
      done(std::optional<std::string>());
    } else if (place->second.command.empty()) {
      place->second.waiting.push_back(std::move(done));
    } else {
      done(std::optional(place->second.command));
    }
  }

  /// The end of a claim: the command that was made, or nullopt: the next in line may try.
  void settle(const IdempotencyName& name, const std::optional<std::string>& command) {
    const auto place = keys_.find(name);
    if (place == keys_.end()) return;
    if (command) {
      auto waiting = std::exchange(place->second.waiting, {});
      keep(name, *command, clock_.now_ms());
      for (auto& done : waiting) done(command);
    } else if (place->second.waiting.empty()) {
      keys_.erase(place);
    } else {
      auto next = std::move(place->second.waiting.front());
      place->second.waiting.erase(place->second.waiting.begin());
      next(std::optional<std::string>());
    }
  }

  /// At start, by rising time of issue.
  void keep(const IdempotencyName& name, const std::string& command, std::int64_t issued_at) {
    keys_[name].command = command;
    ages_.emplace_back(issued_at, name);
  }

  std::size_t size() const { return keys_.size(); }

 private:
  struct Key {
    /// Empty while the command is being made.
    std::string command;
    std::vector<Completion<std::optional<std::string>>> waiting;
  };

  void forget_old() {
    const std::int64_t now = clock_.now_ms();
    while (!ages_.empty() && (now - ages_.front().first >= kKeepMs || ages_.size() > kMaxKeys)) {
      keys_.erase(ages_.front().second);
      ages_.pop_front();
    }
  }

  const Clock& clock_;
  boost::unordered_flat_map<IdempotencyName, Key> keys_;
  std::deque<std::pair<std::int64_t, IdempotencyName>> ages_;
};

}  // namespace fairlead::hub
