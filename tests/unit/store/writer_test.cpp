#include "store/writer.h"

#include <doctest/doctest.h>

#include "unit/store/recorder.h"

namespace fairlead::store::test {
namespace {

using Numbers = std::vector<std::int64_t>;
using Marks = std::vector<Mark>;

struct Bench {
  explicit Bench(WriterLimits limits = {}) : writer(disk, limits) {}
  Recorder disk;
  ReadQueue reads{4};
  Writer writer;
  Scribe a{writer, reads, 1};
  Scribe b{writer, reads, 2};
};

WriterLimits tiny() {
  return {.transaction_bytes = 1 << 20,
          .transaction_writes = 2,
          .high_mark_bytes = 4 * sizeof(Write),
          .low_mark_bytes = 2 * sizeof(Write)};
}

}  // namespace

TEST_CASE("what all shards have queued is one transaction, and one letter to each") {
  Bench at;
  at.a.write({1, 2});
  at.b.write(3);
  at.a.write(4);
  CHECK(at.writer.step());
  CHECK(at.disk.commits == std::vector<Marks>{{{1, 1}, {1, 2}, {2, 3}, {1, 4}}});
  CHECK(at.a.mail.size() == 1);
  CHECK(at.b.mail.size() == 1);
  CHECK(at.a.heard.empty());
  at.a.mail.deliver();
  CHECK(at.a.heard == Numbers{1, 2, 4});
  CHECK(at.b.heard.empty());
  at.b.mail.deliver();
  CHECK(at.b.heard == Numbers{3});
  CHECK(!at.writer.step());
}

TEST_CASE("writes put during a commit wait for the next one") {
  Bench at;
  at.a.write(1);
  at.writer.step();
  at.a.write(2);
  at.a.mail.deliver();
  CHECK(at.a.heard == Numbers{1});
  at.writer.step();
  at.a.mail.deliver();
  CHECK(at.a.heard == Numbers{1, 2});
}

TEST_CASE("a transaction ends at its number of writes and at its bytes") {
  Bench at({.transaction_bytes = 3 * sizeof(Write), .transaction_writes = 100});
  for (std::int64_t i = 1; i <= 7; ++i) at.a.write(i);
  while (at.writer.step()) continue;
  REQUIRE(at.disk.commits.size() == 3);
  CHECK(at.disk.commits[0].size() == 3);
  CHECK(at.disk.commits[2].size() == 1);
  at.a.mail.deliver();
  CHECK(at.a.heard == Numbers{1, 2, 3, 4, 5, 6, 7});

  Bench few(tiny());
  few.a.write({1, 2, 3});
  few.writer.step();
  CHECK(few.disk.commits.at(0).size() == 2);
}

TEST_CASE("a write heavier than a transaction may be is a transaction by itself") {
  Bench at({.transaction_bytes = 1});
  at.a.write({1, 2});
  while (at.writer.step()) continue;
  CHECK(at.disk.commits.size() == 2);
}

TEST_CASE("a failed commit fails everything of its shards, in order, with the reason") {
  Bench at;
  at.a.write({1, 2});
  at.b.write(3);
  at.disk.failures = 1;
  CHECK(at.writer.step());
  at.a.mail.deliver();
  at.b.mail.deliver();
  CHECK(at.a.heard == Numbers{-1, -2});
  CHECK(at.b.heard == Numbers{-3});
  CHECK(at.a.last_error.code == Code::kOverloaded);
  CHECK(at.a.last_error.retry_after_ms == 1000);
  CHECK(at.a.last_error.message == "the store cannot write: disk I/O error");
  CHECK(at.disk.commits.empty());
  CHECK(at.a.store->outstanding() == 0);
}

TEST_CASE("what is put between a failure and its letter fails with it and is never stored") {
  Bench at;
  at.a.write(1);
  at.disk.failures = 1;
  at.writer.step();
  at.a.write({2, 3});
  while (at.writer.step()) continue;  // the disk is well again
  CHECK(at.disk.all().empty());
  at.a.mail.deliver();
  CHECK(at.a.heard == Numbers{-1, -2, -3});
  at.a.write(4);
  at.writer.step();
  at.a.mail.deliver();
  CHECK(at.a.heard == Numbers{-1, -2, -3, 4});
  CHECK(at.disk.all() == Marks{{1, 4}});
}

TEST_CASE("old writes that arrive late are dropped from between another shard's") {
  Bench at;
  at.a.write(1);
  at.disk.failures = 1;
  at.writer.step();
  at.b.write(10);
  at.a.write(2);
  at.b.write(11);
  while (at.writer.step()) continue;
  at.a.mail.deliver();
  at.b.mail.deliver();
  CHECK(at.a.heard == Numbers{-1, -2});
  CHECK(at.b.heard == Numbers{10, 11});
  CHECK(at.disk.all() == Marks{{2, 10}, {2, 11}});
}

TEST_CASE("a shard queued behind a failure fails too, one that has nothing queued does not") {
  Bench at(tiny());
  Scribe idle(at.writer, at.reads, 3);
  at.a.write({1, 2});  // a transaction of two
  at.b.write(3);       // behind it
  at.disk.failures = 1;
  at.writer.step();
  at.a.mail.deliver();
  at.b.mail.deliver();
  CHECK(at.a.heard == Numbers{-1, -2});
  CHECK(at.b.heard == Numbers{-3});
  idle.write(4);
  while (at.writer.step()) continue;
  idle.mail.deliver();
  CHECK(idle.heard == Numbers{4});
}

TEST_CASE("what was stored before a failure is told before it") {
  Bench at;
  at.a.write({1, 2});
  at.writer.step();
  at.a.write(3);
  at.disk.failures = 1;
  at.writer.step();
  at.a.write(4);
  at.a.mail.deliver();
  CHECK(at.a.heard == Numbers{1, 2, -3, -4});
}

TEST_CASE("a second failure does not hit what a shard put before it heard of the first") {
  Bench at;
  at.a.write(1);
  at.disk.failures = 2;
  at.writer.step();
  at.a.write(2);  // old
  at.b.write(10);
  at.writer.step();  // fails b's; a has nothing living in it
  CHECK(at.a.mail.size() == 1);
  at.a.mail.deliver();
  at.b.mail.deliver();
  CHECK(at.a.heard == Numbers{-1, -2});
  CHECK(at.b.heard == Numbers{-10});
}

TEST_CASE("two failures in a row of one shard each fail their own writes once") {
  Bench at;
  at.a.write(1);
  at.disk.failures = 2;
  at.writer.step();
  at.a.mail.deliver();
  at.a.write(2);
  at.writer.step();
  at.a.write(3);
  at.a.mail.deliver();
  at.a.write(4);
  while (at.writer.step()) continue;
  at.a.mail.deliver();
  CHECK(at.a.heard == Numbers{-1, -2, -3, 4});
  CHECK(at.disk.all() == Marks{{1, 4}});
}

TEST_CASE("a completion that fails may write again: that belongs to the new generation") {
  Bench at;
  at.a.on_heard = [&at](std::int64_t number, bool is_stored) {
    if (!is_stored) at.a.write(number + 100);
  };
  at.a.write({1, 2});
  at.disk.failures = 1;
  at.writer.step();
  at.a.write(3);
  at.a.mail.deliver();
  CHECK(at.a.heard == Numbers{-1, -2, -3});
  while (at.writer.step()) continue;
  at.a.mail.deliver();
  CHECK(at.a.heard == Numbers{-1, -2, -3, 101, 102, 103});
  CHECK(at.disk.all() == Marks{{1, 101}, {1, 102}, {1, 103}});
}

TEST_CASE("a completion that succeeds may write again") {
  Bench at;
  at.a.on_heard = [&at](std::int64_t number, bool) {
    if (number < 3) at.a.write(number + 1);
  };
  at.a.write(1);
  while (at.writer.step()) at.a.mail.deliver();
  CHECK(at.a.heard == Numbers{1, 2, 3});
}

TEST_CASE("a shard that went away is stored and hears nothing") {
  Bench at;
  at.a.write(1);
  at.writer.step();
  at.a.write(2);
  at.a.store.reset();
  CHECK(at.writer.step());
  at.a.mail.deliver();
  CHECK(at.a.heard.empty());
  CHECK(at.disk.all() == Marks{{1, 1}, {1, 2}});
}

TEST_CASE("a completion may end its own shard, and the ones behind it are dropped") {
  for (const std::size_t failures : {0U, 1U}) {
    Bench at;
    at.disk.failures = failures;
    at.a.on_heard = [&at](std::int64_t number, bool) {
      if (number == 2) at.a.store.reset();
    };
    at.a.write({1, 2, 3});
    at.writer.step();
    at.a.mail.deliver();
    CHECK(at.a.heard.size() == 2);
  }
}

TEST_CASE("above the high mark the store is congested until below the low one, then wakes all") {
  Bench at(tiny());  // two writes a transaction, marks at four and two
  at.a.write({1, 2, 3, 4});
  CHECK(!at.writer.is_congested());
  at.a.write({5, 6});
  CHECK(at.writer.is_congested());
  at.writer.step();
  at.writer.step();
  CHECK(at.writer.is_congested());  // two wait: not below the mark
  CHECK(at.b.mail.size() == 0);
  at.writer.step();
  CHECK(!at.writer.is_congested());
  CHECK(at.b.mail.size() == 1);
  at.b.mail.deliver();
  CHECK(at.b.heard.empty());
}

TEST_CASE("a failure relieves the queue as a commit does") {
  Bench at(tiny());
  at.a.write({1, 2, 3, 4, 5, 6});
  at.disk.failures = 1;
  at.writer.step();
  CHECK(!at.writer.is_congested());
  CHECK(at.writer.stats().queued_bytes == 0);
  CHECK(at.writer.stats().queued_writes == 0);
  CHECK(at.b.mail.size() == 1);
  at.a.write(7);  // old
  CHECK(at.writer.stats().queued_writes == 1);
  at.writer.step();
  CHECK(at.writer.stats().queued_bytes == 0);
}

TEST_CASE("what is queued is told to the account of memory, whatever becomes of it") {
  MemoryMeter memory(0);
  Recorder disk;
  ReadQueue reads{4};
  Writer writer(disk, {}, &memory);
  Scribe a{writer, reads, 1};
  a.write({1, 2});
  CHECK(memory.held(MemoryKind::kStore) == 2 * static_cast<std::int64_t>(sizeof(Write)));
  writer.step();
  CHECK(memory.held(MemoryKind::kStore) == 0);
  disk.failures = 1;
  a.write(3);
  writer.step();
  CHECK(memory.held(MemoryKind::kStore) == 0);
  a.write(4);
  writer.crash();
  CHECK(memory.held(MemoryKind::kStore) == 0);
}

TEST_CASE("the store says what ails it until a commit or a probe succeeds") {
  Bench at;
  CHECK(!at.writer.health());
  at.writer.probe();
  CHECK(at.disk.probes == 0);  // a well store is not bothered
  at.disk.failures = 2;
  at.a.write(1);
  at.writer.step();
  CHECK(at.writer.health() == "store: disk I/O error");
  at.writer.probe();
  CHECK(at.writer.health());
  at.disk.failures = 0;
  at.writer.probe();
  CHECK(!at.writer.health());

  at.a.mail.deliver();
  at.disk.failures = 1;
  at.a.write(2);
  at.writer.step();
  at.a.mail.deliver();
  at.a.write(3);
  at.writer.step();
  CHECK(!at.writer.health());
}

TEST_CASE("the counters tell commits, samples, sizes and what waits") {
  Bench at;
  at.a.write({1, 2, 3});
  CHECK(at.writer.stats().queued_writes == 3);
  CHECK(at.writer.stats().queued_bytes == 3 * sizeof(Write));
  at.writer.step();
  at.a.write(4);
  at.disk.failures = 1;
  at.writer.step();
  const Stats stats = at.writer.stats();
  CHECK(stats.commits == 1);
  CHECK(stats.failed_commits == 1);
  CHECK(stats.queued_writes == 0);
  CHECK(stats.commit_seconds.count == 1);
  CHECK(stats.batch_writes.counts[1] == 1);  // three writes: at most 3
  CHECK(stats.batch_writes.sum == 3);
}

TEST_CASE("after a crash old shards are deaf and dumb, new ones begin with an empty queue") {
  Bench at;
  at.a.write(1);
  at.writer.step();
  at.a.write(2);
  at.writer.crash();
  at.a.write(3);
  CHECK(!at.writer.step());
  at.a.mail.deliver();
  CHECK(at.a.heard.empty());
  Scribe next(at.writer, at.reads, 3);
  next.write(4);
  at.writer.step();
  next.mail.deliver();
  CHECK(next.heard == Numbers{4});
  CHECK(at.disk.all() == Marks{{1, 1}, {3, 4}});
}

TEST_CASE("a store that nobody writes to may rest") {
  Bench at;
  at.a.write(1);
  at.writer.step();
  CHECK(at.disk.rests == 0);
  at.writer.probe();
  CHECK(at.disk.rests == 1);
}

}  // namespace fairlead::store::test
