#pragma once

#include <prometheus/metric_family.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/shard.h"
#include "net/reactor.h"

namespace fairlead::http {

/// What one shard gives to a scrape; copied on its thread.
struct ShardMetrics {
  hub::Counters hub;
  hub::Authenticator::Counts refused_tokens{};
  hub::Gauges gauges;
  telemetry::Counters telemetry;
  net::ReactorCounters net;
  /// How it sends: `epoll` or `uring`.
  std::string_view io;
};

/// What the store gives.
struct StoreMetrics {
  std::uint64_t commits = 0;
  std::uint64_t failed_commits = 0;
  std::uint64_t reads = 0;
  std::size_t queued_writes = 0;
  std::size_t queued_bytes = 0;
  bool is_failing = false;
  /// Upper bounds with cumulative counts; sums.
  std::vector<std::pair<double, std::uint64_t>> commit_seconds;
  double commit_seconds_sum = 0;
  std::vector<std::pair<double, std::uint64_t>> batch_writes;
  double batch_writes_sum = 0;
};

/// What fetching keys gives.
struct KeyMetrics {
  std::uint64_t fetches = 0;
  std::uint64_t failed_fetches = 0;
  std::size_t keys = 0;
  double age_seconds = 0;
};

/// What stands before the shards; pairs are of a label and its value.
struct FrontMetrics {
  using Labelled = std::vector<std::pair<std::string, double>>;
  std::size_t sockets = 0;
  std::size_t handshakes = 0;
  Labelled refused;
  Labelled memory;
};

/// All families of /metrics: the sum over the shards, the store, what stands before, and the keys
/// where they are fetched. Labels are bounded: kinds, types, codes, states.
std::vector<prometheus::MetricFamily> metric_families(const std::vector<ShardMetrics>& shards,
                                                      const StoreMetrics& store,
                                                      const FrontMetrics& front,
                                                      const std::optional<KeyMetrics>& keys);

}  // namespace fairlead::http
