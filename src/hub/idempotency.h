#pragma once

#include <boost/container_hash/hash.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/completion.h"

namespace fairlead::hub {

struct IdempotencyName {
  std::string tenant;
  std::string issuer;
  std::string key;
  /// Commands to many have keys of their own.
  bool is_fleet = false;

  friend bool operator==(const IdempotencyName&, const IdempotencyName&) = default;
  friend std::size_t hash_value(const IdempotencyName& name) {
    std::size_t seed = 0;
    boost::hash_combine(seed, name.tenant);
    boost::hash_combine(seed, name.issuer);
    boost::hash_combine(seed, name.key);
    boost::hash_combine(seed, name.is_fleet);
    return seed;
  }
};

/// Which command (or fleet) a principal's idempotency key made, for 24 hours. A key is at home on
/// one shard, whatever device it was used for. Bounded for each principal and in all:
/// beyond that the oldest is forgotten early. Thread: the shard's.
class IdempotencyKeys {
 public:
  static constexpr std::int64_t kKeepMs = 24LL * 60 * 60 * 1000;
  static constexpr std::size_t kMaxKeys = 200'000;

  IdempotencyKeys(const Clock& clock, std::size_t most_per_principal)
      : clock_(clock), most_per_principal_(most_per_principal) {}

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
    Key& key = keys_[name];
    key.command = command;
    key.issued_at = issued_at;
    ages_.emplace_back(issued_at, name);
    Ages& own = by_principal_[{name.tenant, name.issuer}];
    own.emplace_back(issued_at, name);
    if (own.size() <= most_per_principal_) return;
    forget(own.front());
    own.pop_front();
  }

  std::size_t size() const { return keys_.size(); }

 private:
  using Age = std::pair<std::int64_t, IdempotencyName>;
  using Ages = std::deque<Age>;
  struct Key {
    std::int64_t issued_at = 0;
    /// Empty while the command is being made.
    std::string command;
    std::vector<Completion<std::optional<std::string>>> waiting;
  };

  void forget_old() {
    const std::int64_t now = clock_.now_ms();
    while (!ages_.empty() && (now - ages_.front().first >= kKeepMs || ages_.size() > kMaxKeys)) {
      const Age& oldest = ages_.front();
      forget(oldest);
      const auto own = by_principal_.find({oldest.second.tenant, oldest.second.issuer});
      if (own != by_principal_.end()) {
        if (own->second.front() == oldest) own->second.pop_front();
        if (own->second.empty()) by_principal_.erase(own);
      }
      ages_.pop_front();
    }
  }
  /// Unless the key was used anew since.
  void forget(const Age& age) {
    const auto place = keys_.find(age.second);
    if (place == keys_.end() || place->second.command.empty()) return;
    if (place->second.issued_at == age.first) keys_.erase(place);
  }

  const Clock& clock_;
  const std::size_t most_per_principal_;
  boost::unordered_flat_map<IdempotencyName, Key> keys_;
  Ages ages_;
  /// Tenant and issuer; what is left of each principal's, oldest first.
  boost::unordered_flat_map<std::pair<std::string, std::string>, Ages> by_principal_;
};

}  // namespace fairlead::hub
