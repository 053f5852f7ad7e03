#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace fairlead::store {

/// How often a value fell into which bucket.
template <std::size_t N>
struct Histogram {
  /// Upper bounds, inclusive, rising.
  std::array<double, N> bounds{};
  /// Of each bucket alone; the last is for what is above all bounds.
  std::array<std::uint64_t, N + 1> counts{};
  double sum = 0;
  std::uint64_t count = 0;

  void add(double value) {
    std::size_t bucket = 0;
    while (bucket < N && value > bounds[bucket]) ++bucket;
    ++counts[bucket];
    sum += value;
    ++count;
  }
};

/// Counters of the store since the program began, and what waits now.
struct Stats {
  std::uint64_t commits = 0;
  std::uint64_t failed_commits = 0;
  /// Stored.
  std::uint64_t samples = 0;
  Histogram<13> commit_seconds{
      .bounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5}};
  /// Writes of each commit.
  Histogram<11> batch_writes{
      .bounds = {1, 3, 10, 30, 100, 300, 1000, 3000, 10'000, 30'000, 100'000}};
  std::uint64_t queued_writes = 0;
  std::uint64_t queued_bytes = 0;
  std::uint64_t reads = 0;
};

}  // namespace fairlead::store
