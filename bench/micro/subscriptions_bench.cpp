// The index of subscriptions: what it costs to find who wants a device's event, with and without
// subscriptions that do not match, and the memory of one subscription.

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>

#include <cstdint>
#include <string>
#include <vector>

#include "hub/subscriptions.h"

namespace {

using namespace fairlead;
using namespace fairlead::hub;

auth::Principal watcher() {
  return {.kind = auth::Kind::kClient,
          .tenant = "default",
          .subject = "app",
          .scopes = auth::Scopes::all(),
          .all_devices = true};
}

/// One subscription of one connection for each pattern.
void add(Subscriptions& index, SessionNumber first, std::int64_t count, const char* pattern) {
  for (std::int64_t i = 0; i < count; ++i) {
    Selection selection{
        .patterns = {fmt::format(fmt::runtime(pattern), i)}, .events = 1, .metrics = std::nullopt};
    index.add({.shard = 0, .session = first + static_cast<SessionNumber>(i)},
              protocol::Codec::kJson, watcher(), 1, std::move(selection));
  }
}

/// Ids, and a tenth as many prefixes of several lengths, none of which is the device's.
void add_others(Subscriptions& index, std::int64_t ids) {
  add(index, 1000, ids, "sensor-{:08}");
  add(index, 1000 + static_cast<SessionNumber>(ids), ids / 10, "pump-{}-*");
}

/// An event that is not remembered by device.
void match(benchmark::State& state) {
  Subscriptions index;
  add(index, 1, 1, "boiler-{}*");
  add_others(index, state.range(0));
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        index.audience(0, 1, "default", "boiler-0017", protocol::EventBit::kTelemetry));
    // As if a subscription had changed: the device's audience is looked for anew.
    index.forget(0);
  }
}
BENCHMARK(match)->Arg(0)->Arg(1000)->Arg(100'000)->Arg(1'000'000);

std::size_t heap_bytes() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

/// Bytes of one subscription of one connection that has no other.
void memory(benchmark::State& state) {
  for (auto _ : state) {
    const std::size_t before = heap_bytes();
    Subscriptions index;
    add_others(index, state.range(0));
    state.counters["bytes_each"] =
        static_cast<double>(heap_bytes() - before) / (static_cast<double>(state.range(0)) * 1.1);
  }
}
BENCHMARK(memory)->Arg(1'000'000)->Iterations(1)->Unit(benchmark::kMillisecond);

/// Patterns of one connection, a thousand a subscription: bytes of one pattern.
void memory_of_patterns(benchmark::State& state) {
  for (auto _ : state) {
    const std::size_t before = heap_bytes();
    Subscriptions index;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      Selection selection{.patterns = {}, .events = 1, .metrics = std::nullopt};
      for (int j = 0; j < 1000; ++j) {
        selection.patterns.push_back(fmt::format("sensor-{:05}-{:03}{}", i, j, j % 10 ? "" : "*"));
      }
      index.add({.shard = 0, .session = static_cast<SessionNumber>(i) + 1}, protocol::Codec::kJson,
                watcher(), 1, std::move(selection));
    }
    state.counters["bytes_each"] =
        static_cast<double>(heap_bytes() - before) / (static_cast<double>(state.range(0)) * 1000);
  }
}
BENCHMARK(memory_of_patterns)->Arg(1100)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
