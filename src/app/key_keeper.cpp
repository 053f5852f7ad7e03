#include "app/key_keeper.h"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "app/keys.h"
#include "auth/jwks.h"
#include "auth/secret_file.h"
#include "base/private_file.h"
#include "net/fetch.h"

namespace fairlead::app {
namespace {

constexpr std::int64_t kLongestLifetimeMs = 24LL * 60 * 60 * 1000;
/// A search that may begin so soon is waited for.
constexpr std::int64_t kShortWaitMs = 1500;

Result<std::optional<net::Url>> url_of(const JwksUrl& settings) {
  if (settings.url.empty()) return std::nullopt;
  auto url = net::parse_url(settings.url);
  if (!url) return fail(Code::kInvalid, "auth.jwks_url: {}", url.error().message);
  if (!settings.ca_file.empty()) {
    if (auto file = read_key_file(settings.ca_file); !file) {
      return fail(Code::kInvalid, "auth.jwks_ca_file: {}", file.error().message);
    }
  }
  const bool is_here =
      url->host == "localhost" || url->host == "::1" || url->host.starts_with("127.");
  if (!url->is_tls && !is_here) {
    spdlog::warn("auth.jwks_url: without https whoever is on the way can add keys");
  }
  return std::move(*url);
}

}  // namespace

std::int64_t lifetime_ms(const JwksUrl& settings, std::optional<std::int64_t> max_age_s) {
  if (!max_age_s) return settings.refresh_s * 1000;
  const std::int64_t longest = std::max(kLongestLifetimeMs, settings.cooldown_ms);
  return std::clamp(std::min(*max_age_s, longest / 1000) * 1000, settings.cooldown_ms, longest);
}

KeyKeeper::KeyKeeper(Settings settings, std::optional<net::Url> url,
                     std::vector<auth::Key> file_keys, const Clock& clock)
    : settings_(std::move(settings)),
      url_(std::move(url)),
      clock_(clock),
      file_keys_(std::move(file_keys)) {
  stats_.has_url = url_.has_value();
  failure_ = "auth.jwks_url was not fetched yet";
  combine();
}

KeyKeeper::~KeyKeeper() { stop(); }

Result<std::unique_ptr<KeyKeeper>> KeyKeeper::open(const Settings& settings, const Clock& clock) {
  if (auto has_keys = check_has_keys(settings); !has_keys) {
    return std::unexpected(std::move(has_keys.error()));
  }
  auto url = url_of(settings.jwks_url);
  if (!url) return std::unexpected(std::move(url.error()));
  auto keys = load_key_files(settings);
  if (!keys) return std::unexpected(std::move(keys.error()));
  return std::make_unique<KeyKeeper>(settings, std::move(*url), std::move(*keys), clock);
}

void KeyKeeper::combine() {
  std::vector<auth::Key> all = file_keys_;
  all.insert(all.end(), url_keys_.begin(), url_keys_.end());
  keys_ = std::make_shared<const auth::KeySet>(std::move(all));
}

void KeyKeeper::start(Listener listener) {
  const std::scoped_lock lock(mutex_);
  listener_ = std::move(listener);
  if (!url_) return;
  next_fetch_ms_ = clock_.steady_ms();
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  pthread_setname_np(thread_.native_handle(), "keys");
}

void KeyKeeper::stop() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  const std::scoped_lock lock(mutex_);
  listener_ = {};
}

Result<void> KeyKeeper::reload() {
  auto keys = load_key_files(settings_);
  if (!keys) return std::unexpected(std::move(keys.error()));
  const std::scoped_lock lock(mutex_);
  file_keys_ = std::move(*keys);
  combine();
  if (listener_.on_rotated) listener_.on_rotated(keys_);
  next_fetch_ms_ = clock_.steady_ms();
  wake_.notify_all();
  return {};
}

std::shared_ptr<const auth::KeySet> KeyKeeper::keys() const {
  const std::scoped_lock lock(mutex_);
  return keys_;
}

auth::KeySource::Answer KeyKeeper::search(std::uint64_t heard) {
  if (!url_) return {};
  const std::scoped_lock lock(mutex_);
  const std::int64_t now = clock_.steady_ms();
  if (is_fetching_ || heard < fetch_) return {.search = Search::kRuns, .number = fetch_};
  // One that is due anyway serves too.
  if (next_fetch_ms_ <= now + kShortWaitMs)
    return {.search = Search::kBegins, .number = fetch_ + 1};
  const std::int64_t begins_at = std::max(now, next_search_ms_);
  if (begins_at > now + kShortWaitMs) {
    return {.search = Search::kTooSoon, .retry_after_ms = begins_at - now};
  }
  next_fetch_ms_ = begins_at;
  next_search_ms_ = begins_at + settings_.jwks_url.cooldown_ms;
  wake_.notify_all();
  return {.search = Search::kBegins, .number = fetch_ + 1};
}

std::optional<std::string> KeyKeeper::failure() const {
  const std::scoped_lock lock(mutex_);
  if (!url_ || has_fetched_) return std::nullopt;
  return failure_;
}

KeyKeeper::Stats KeyKeeper::stats() const {
  const std::scoped_lock lock(mutex_);
  Stats stats = stats_;
  if (has_fetched_) stats.age_ms = clock_.steady_ms() - fetched_at_ms_;
  return stats;
}

void KeyKeeper::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const std::int64_t left = next_fetch_ms_ - clock_.steady_ms();
    if (left > 0) {
      const std::int64_t planned = next_fetch_ms_;
      wake_.wait_for(lock, stop, std::chrono::milliseconds(left),
                     [this, planned] { return next_fetch_ms_ != planned; });
      continue;
    }
    is_fetching_ = true;
    ++fetch_;
    lock.unlock();
    auto fetched = fetch_keys(stop);
    lock.lock();
    is_fetching_ = false;
    if (!stop.stop_requested()) take(std::move(fetched));
  }
}

Result<KeyKeeper::FetchedKeys> KeyKeeper::fetch_keys(const std::stop_token& stop) const {
  const JwksUrl& from = settings_.jwks_url;
  auto answer = net::fetch(*url_, {.ca_file = from.ca_file, .timeout_ms = from.timeout_ms}, stop);
  if (!answer) return std::unexpected(std::move(answer.error()));
  auto set = auth::read_jwks(answer->body);
  if (!set) return std::unexpected(std::move(set.error()));
  // Whoever can read the address could sign with those.
  const auto secrets =
      std::erase_if(set->keys, [](const auth::Key& key) { return !key.secret().empty(); });
  if (secrets > 0) set->skipped.push_back(fmt::format("{} keys of kty oct", secrets));
  if (set->keys.empty()) return fail(Code::kInvalid, "the key set has no public key");
  return FetchedKeys{.keys = std::move(set->keys),
                     .skipped = std::move(set->skipped),
                     .text = std::move(answer->body),
                     .max_age_s = answer->max_age_s};
}

void KeyKeeper::take(Result<FetchedKeys> fetched) {
  const std::int64_t now = clock_.steady_ms();
  ++stats_.fetches;
  if (!fetched) {
    ++stats_.failed_fetches;
    ++failures_in_a_row_;
    next_fetch_ms_ = now + pause_after_failure();
    failure_ = fmt::format("auth.jwks_url: {}", fetched.error().message);
    spdlog::warn("{}: {}; {}", settings_.jwks_url.url, fetched.error().message,
                 has_fetched_ ? "the keys fetched last stay in force" : "no key of it is known");
    if (listener_.on_search_ended) listener_.on_search_ended(fetch_, nullptr);
    return;
  }
  if (failures_in_a_row_ > 0) spdlog::info("{}: fetched again", settings_.jwks_url.url);
  failures_in_a_row_ = 0;
  has_fetched_ = true;
  fetched_at_ms_ = now;
  next_fetch_ms_ = now + lifetime_ms(settings_.jwks_url, fetched->max_age_s);
  stats_.fetched_keys = fetched->keys.size();
  // The same again is no rotation: what shards verified stays verified.
  if (fetched->text != url_text_) {
    for (const std::string& skipped : fetched->skipped) {
      spdlog::warn("{}: left out: {}", settings_.jwks_url.url, skipped);
    }
    url_text_ = std::move(fetched->text);
    url_keys_ = std::move(fetched->keys);
    combine();
  }
  if (listener_.on_search_ended) listener_.on_search_ended(fetch_, keys_);
}

std::int64_t KeyKeeper::pause_after_failure() const {
  const std::int64_t doubled = settings_.jwks_url.cooldown_ms
                               << std::min(failures_in_a_row_ - 1, 10);
  return std::min(doubled,
                  std::max(settings_.jwks_url.refresh_s * 1000, settings_.jwks_url.cooldown_ms));
}

}  // namespace fairlead::app
