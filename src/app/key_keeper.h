#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "app/settings.h"
#include "auth/key.h"
#include "auth/key_source.h"
#include "auth/keys.h"
#include "base/clock.h"
#include "base/result.h"
#include "net/url.h"

namespace fairlead::app {

/// The keys of the hub while it runs: those of files, which reload() reads anew, and those of a
/// URL, which a thread of its own fetches: before they are too old, and when a token names a key
/// that is not known. What was fetched last stays in force while the other side is down.
class KeyKeeper final : public auth::KeySource {
 public:
  /// Called on the thread that brought the news, in their order.
  struct Listener {
    std::function<void(std::shared_ptr<const auth::KeySet>)> on_rotated;
    /// The fetch of that number has ended; null: in vain.
    std::function<void(std::uint64_t, std::shared_ptr<const auth::KeySet>)> on_search_ended;
  };
  struct Stats {
    bool has_url = false;
    std::uint64_t fetches = 0;
    std::uint64_t failed_fetches = 0;
    /// Keys that the last good fetch brought.
    std::size_t fetched_keys = 0;
    /// Since the last good fetch.
    std::int64_t age_ms = 0;
  };

  /// Reads the files. Errors name key and rule.
  static Result<std::unique_ptr<KeyKeeper>> open(const Settings& settings, const Clock& clock);
  /// Use open().
  KeyKeeper(Settings settings, std::optional<net::Url> url, std::vector<auth::Key> file_keys,
            const Clock& clock);
  ~KeyKeeper() override;
  KeyKeeper(const KeyKeeper&) = delete;
  KeyKeeper& operator=(const KeyKeeper&) = delete;

  /// Begins to fetch and to tell. Once.
  void start(Listener listener);
  /// Tells nothing any more. Takes no longer than a fetch takes to notice.
  void stop();

  /// Reads the files anew and fetches the URL soon. An error leaves everything as it was.
  Result<void> reload();

  // ---- any thread -------------------------------------------------------------------------------
  std::shared_ptr<const auth::KeySet> keys() const;
  Answer search(std::uint64_t heard) override;
  /// Why there are no keys of the URL yet; nullopt: there are, or need not be.
  std::optional<std::string> failure() const;
  Stats stats() const;

 private:
  struct FetchedKeys {
    std::vector<auth::Key> keys;
    std::vector<std::string> skipped;
    std::string text;
    std::optional<std::int64_t> max_age_s;
  };

  void run(const std::stop_token& stop);
  Result<FetchedKeys> fetch_keys(const std::stop_token& stop) const;
  void take(Result<FetchedKeys> fetched);
  void combine();
  std::int64_t pause_after_failure() const;

  const Settings settings_;
  const std::optional<net::Url> url_;
  const Clock& clock_;

  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  Listener listener_;
  std::vector<auth::Key> file_keys_;
  std::vector<auth::Key> url_keys_;
  std::shared_ptr<const auth::KeySet> keys_;
  /// What the last good fetch brought, to see whether the next differs.
  std::string url_text_;
  std::string failure_;
  Stats stats_;
  /// Fetches begun.
  std::uint64_t fetch_ = 0;
  bool is_fetching_ = false;
  bool has_fetched_ = false;
  int failures_in_a_row_ = 0;
  std::int64_t next_fetch_ms_ = 0;
  std::int64_t fetched_at_ms_ = 0;
  /// When the next search may begin.
  std::int64_t next_search_ms_ = 0;
  std::jthread thread_;
};

/// How long what was fetched is used: what the answer says, within bounds, else
/// `auth.jwks_refresh_s`.
std::int64_t lifetime_ms(const JwksUrl& settings, std::optional<std::int64_t> max_age_s);

}  // namespace fairlead::app
