#include "app/shard_site.h"

#include <string>

#include "http/metrics.h"

namespace fairlead::app {
namespace {

template <std::size_t N>
std::vector<std::pair<double, std::uint64_t>> cumulative(const store::Histogram<N>& histogram) {
  std::vector<std::pair<double, std::uint64_t>> buckets;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < N; ++i) {
    sum += histogram.counts[i];
    buckets.emplace_back(histogram.bounds[i], sum);
  }
  return buckets;
}

http::StoreMetrics store_metrics(const store::Store& store) {
  const store::Stats stats = store.stats();
  return {.commits = stats.commits,
          .failed_commits = stats.failed_commits,
          .reads = stats.reads,
          .queued_writes = stats.queued_writes,
          .queued_bytes = stats.queued_bytes,
          .is_failing = store.health().has_value(),
          .commit_seconds = cumulative(stats.commit_seconds),
          .commit_seconds_sum = stats.commit_seconds.sum,
          .batch_writes = cumulative(stats.batch_writes),
          .batch_writes_sum = stats.batch_writes.sum};
}

std::optional<http::KeyMetrics> key_metrics(const KeyKeeper& keys) {
  const KeyKeeper::Stats stats = keys.stats();
  if (!stats.has_url) return std::nullopt;
  return http::KeyMetrics{.fetches = stats.fetches - stats.failed_fetches,
                          .failed_fetches = stats.failed_fetches,
                          .keys = stats.fetched_keys,
                          .age_seconds = static_cast<double>(stats.age_ms) / 1000};
}

/// Waits for every shard's copy; lives on the shard that asked.
struct Scrape {
  std::vector<http::ShardMetrics> shards;
  std::size_t left = 0;
  std::move_only_function<void(std::vector<prometheus::MetricFamily>)> done;
};

}  // namespace

ShardSite::ShardSite(std::size_t here, const Shards& shards, ShardMail& mail,
                     const store::Store& store, const KeyKeeper& keys, const Front& front)
    : here_(here), shards_(shards), mail_(mail), store_(store), keys_(keys), front_(front) {}

std::optional<Result<auth::Principal>> ShardSite::authenticate(std::string_view token,
                                                               std::string_view remote) {
  return shard().authenticator().authenticate(token, remote);
}

void ShardSite::wait_for_key(std::string token, std::string remote,
                             Completion<auth::Principal> done) {
  shard().authenticator().wait_for(std::move(token), std::move(remote), std::move(done));
}

void ShardSite::count_malformed(std::string_view remote) {
  shard().authenticator().count_malformed(remote);
}

void ShardSite::may_connect(const auth::Principal& who, Completion<void> done) {
  const std::size_t home = shard().home_of(who.tenant, who.subject);
  shard().ask<void>(
      home,
      [tenant = who.tenant, device = who.subject](hub::Shard& there, auto answer) {
        answer(there.home().may_connect(tenant, device));
      },
      std::move(done));
}

Place ShardSite::take_place() {
  Place place = Place::take(front_.connections);
  if (!place.is_taken()) front_.refused.connections.fetch_add(1, std::memory_order_relaxed);
  return place;
}

bool ShardSite::has_client_place(const auth::Principal& who) {
  const bool has_room = mail_.has_client_place(who);
  if (!has_room) front_.refused.principal.fetch_add(1, std::memory_order_relaxed);
  return has_room;
}

void ShardSite::arrive(hub::Arrival arrival) {
  std::size_t home = here_;
  if (arrival.principal && arrival.principal->kind == auth::Kind::kDevice) {
    home = shard().home_of(arrival.principal->tenant, arrival.principal->subject);
  }
  if (home == here_) {
    shard().adopt(std::move(arrival));
    return;
  }
  mail_.post(home, [arrival = std::move(arrival)](hub::Shard& there) mutable {
    there.adopt(std::move(arrival));
  });
}

std::vector<std::pair<std::string, std::string>> ShardSite::failures() const {
  std::vector<std::pair<std::string, std::string>> failures;
  if (const auto why = store_.health()) failures.emplace_back("store", *why);
  if (const auto why = keys_.failure()) failures.emplace_back("keys", *why);
  return failures;
}

http::FrontMetrics ShardSite::front_metrics() const {
  using enum net::Refusal;
  const auto held = [this](MemoryKind kind) {
    return static_cast<double>(front_.memory.held(kind));
  };
  const auto refused = [this](net::Refusal why) {
    return static_cast<double>(front_.gate.refused(why));
  };
  const auto count = [](const std::atomic<std::uint64_t>& counter) {
    return static_cast<double>(counter.load(std::memory_order_relaxed));
  };
  return {.sockets = front_.gate.sockets(),
          .handshakes = front_.gate.handshakes(),
          .refused = {{"sockets", refused(kSockets)},
                      {"handshakes", refused(kHandshakes)},
                      {"address", refused(kAddress)},
                      {"memory", refused(kMemory)},
                      {"connections", count(front_.refused.connections)},
                      {"principal", count(front_.refused.principal)}},
          .memory = {{"queued", held(MemoryKind::kQueued)},
                     {"received", held(MemoryKind::kReceived)},
                     {"store", held(MemoryKind::kStore)},
                     {"mail", held(MemoryKind::kMail)}}};
}

void ShardSite::collect_metrics(
    std::move_only_function<void(std::vector<prometheus::MetricFamily>)> done) {
  auto scrape = std::make_shared<Scrape>(
      Scrape{.shards = {}, .left = shards_.size(), .done = std::move(done)});
  for (std::size_t index = 0; index < shards_.size(); ++index) {
    mail_.post(index, [this, index, scrape](hub::Shard& there) mutable {
      http::ShardMetrics copy{.hub = there.counters(),
                              .refused_tokens = there.authenticator().refused(),
                              .gauges = there.gauges(),
                              .telemetry = there.home().telemetry().counters(),
                              .net = shards_[index]->reactor().counters(),
                              .io = shards_[index]->reactor().io()};
      // The scrape itself is touched on the asking shard only.
      mail_.post(here_, [this, scrape = std::move(scrape), copy = std::move(copy)](hub::Shard&) {
        scrape->shards.push_back(copy);
        if (--scrape->left == 0) {
          scrape->done(http::metric_families(scrape->shards, store_metrics(store_), front_metrics(),
                                             key_metrics(keys_)));
        }
      });
    });
  }
}

}  // namespace fairlead::app
