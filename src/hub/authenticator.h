#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "auth/failures.h"
#include "auth/key_source.h"
#include "auth/keys.h"
#include "auth/principal.h"
#include "auth/refusal.h"
#include "auth/revocation.h"
#include "auth/slow_checks.h"
#include "auth/verifier.h"
#include "base/clock.h"
#include "base/completion.h"

namespace fairlead::hub {

/// Says whom a token speaks for, on one shard: in time, not revoked, from an address that does not
/// guess. Counts and logs what it refuses, never the token. Thread: the shard's.
class Authenticator {
 public:
  struct Ports {
    const Clock& clock;
    auth::Verifier& verifier;
    const auth::Revocations& revocations;
    /// Null: no keys but those given.
    auth::KeySource* keys = nullptr;
    /// Null: no limit.
    auth::FailureLimit* failures = nullptr;
    /// Null: every signature is checked here.
    auth::SlowChecks* slow_checks = nullptr;
  };
  using Counts = std::array<std::uint64_t, auth::kRefusalCount>;

  explicit Authenticator(const Ports& ports) : ports_(ports) {}

  /// The answer, or nullopt where it takes time: a key is being fetched, or the signature is
  /// checked elsewhere. Then call wait_for(). Errors are kUnauthenticated; kRateLimited for an
  /// address with too many failures; kOverloaded where the answer may be another later.
  std::optional<Result<auth::Principal>> authenticate(std::string_view token,
                                                      std::string_view remote);
  /// Follows an authenticate() of the same token that had no answer. `done` runs when there is one,
  /// for want of a key after kKeyPatienceMs at the latest.
  void wait_for(std::string token, std::string remote, Completion<auth::Principal> done);
  /// A token that was none to look at.
  void count_malformed(std::string_view remote);

  /// That search for keys has ended; null: in vain. Tells those who wait for it.
  void search_ended(std::uint64_t search, std::shared_ptr<const auth::KeySet> keys);
  /// Other keys are in force.
  void rotate(std::shared_ptr<const auth::KeySet> keys);
  /// Ends waits that took too long; to be called when next_due_ms() has come, or earlier.
  void fire(std::int64_t steady_ms);
  std::optional<std::int64_t> next_due_ms() const {
    if (waiting_.empty()) return std::nullopt;
    return waiting_.front().until_ms;
  }

  const Counts& refused() const { return refused_; }
  std::size_t waiting() const { return waiting_.size() + checking_.size(); }

  static constexpr std::int64_t kKeyPatienceMs = 2000;
  /// Tokens of one shard that may wait for a key.
  static constexpr std::size_t kMaxWaiting = 1000;

 private:
  struct Waiting {
    std::string token;
    std::string remote;
    Completion<auth::Principal> done;
    std::int64_t until_ms = 0;
    /// Number of the search that it waits for.
    std::uint64_t search = 0;
    /// The search that it waits for had begun before.
    bool has_come_late = false;
    /// A search has ended for it: there is no other.
    bool was_sought = false;
    /// What the search did not find may be there all the same.
    bool is_open = false;
  };

  std::optional<auth::Verdict<auth::Principal>> look(std::string_view token);
  auth::Verdict<auth::Principal> judge(auth::Verdict<auth::Principal> verdict) const;
  bool seek(auth::Verdict<auth::Principal>& verdict);
  void wait_for_key(Waiting waiting);
  void check(Waiting waiting);
  void checked(std::uint64_t number, const std::shared_ptr<const auth::KeySet>& keys,
               auth::Verdict<auth::Claims> verdict);
  void settle(Waiting waiting, auth::Verdict<auth::Principal> verdict);
  Result<auth::Principal> conclude(auth::Verdict<auth::Principal> verdict, std::string_view remote);
  void book(auth::Refusal reason, std::string_view why, std::string_view remote);

  const Ports ports_;
  /// For keys; in the order they came, so that the first is due first.
  std::deque<Waiting> waiting_;
  /// Whose signatures are checked elsewhere, by number.
  boost::unordered_flat_map<std::uint64_t, Waiting> checking_;
  std::uint64_t last_check_ = 0;
  /// The last search whose end was told.
  std::uint64_t heard_ = 0;
  // Of the last token that authenticate() gave no answer for.
  bool awaits_check_ = false;
  bool has_come_late_ = false;
  std::uint64_t search_ = 0;
  Counts refused_{};
  std::int64_t next_log_ms_ = 0;
  std::uint64_t unlogged_ = 0;
};

}  // namespace fairlead::hub
