// In steady state neither a message nor a turn asks the heap for memory.
#include <doctest/doctest.h>

#include <vector>

#include "bench/allocations/measurement.h"
#include "net/uring_sender.h"

namespace fairlead::bench {
namespace {

void check_takes_nothing(Conditions conditions) {
  conditions.rounds = 40;
  for (const Load& load : all_loads()) {
    CAPTURE(load.title);
    NoBackend backend;
    const auto figures = measure(load, conditions, backend);
    REQUIRE(figures.has_value());
    CHECK(figures->of_messages.allocations == 0);
    CHECK(figures->of_timers.allocations == 0);
  }
}

}  // namespace

TEST_CASE("ingest and fan-out take nothing from the heap") { check_takes_nothing({.shards = 1}); }

TEST_CASE("nor where devices and subscribers are on different shards") {
  check_takes_nothing({.shards = 3});
}

TEST_CASE("nor with io_uring, where the kernel allows it") {
  if (!net::UringSender::probe()) return;
  check_takes_nothing({.shards = 2, .io = net::Io::kUring});
}

TEST_CASE("what is taken is counted") {
  HeapCount count;
  {
    const HeapLedger ledger(count);
    const std::vector<char> taken(100);
    // Or the compiler would do without.
    const char* volatile seen = taken.data();
    static_cast<void>(seen);
  }
  CHECK(count.allocations == 1);
  CHECK(count.bytes == 100);
  CHECK(count.frees == 1);
}

}  // namespace fairlead::bench
