#include "store/readers.h"

#include <doctest/doctest.h>

#include "unit/store/recorder.h"

namespace fairlead::store::test {
namespace {

struct Desk {
  Recorder disk;
  memory::State state;
  memory::Reader reader{state};
  ReadQueue reads{2};
  Writer writer{disk, {}};
  Mail mail;
  std::unique_ptr<ShardStore> store = std::make_unique<ShardStore>(writer, reads, mail.post());
  std::vector<Result<std::int64_t>> heard;

  void ask() {
    store->first_since(1, 0, [this](Result<std::int64_t> result) { heard.push_back(result); });
  }
};

}  // namespace

TEST_CASE("an answer comes home as a letter, not before") {
  Desk at;
  at.ask();
  CHECK(at.mail.size() == 0);
  CHECK(at.reads.step(at.reader));
  CHECK(at.heard.empty());
  at.mail.deliver();
  REQUIRE(at.heard.size() == 1);
  CHECK(at.heard[0] == 0);
  CHECK(!at.reads.step(at.reader));
  CHECK(at.reads.reads() == 1);
}

TEST_CASE("over the bound a query is refused, later, and the ones before it are answered") {
  Desk at;
  for (int i = 0; i < 3; ++i) at.ask();
  CHECK(at.heard.empty());
  at.mail.deliver();
  REQUIRE(at.heard.size() == 1);
  CHECK(at.heard[0].error().code == Code::kOverloaded);
  CHECK(at.heard[0].error().retry_after_ms == 1000);
  while (at.reads.step(at.reader)) continue;
  at.mail.deliver();
  CHECK(at.heard.size() == 3);
}

TEST_CASE("a shard that went away gets no answer, wherever the query was") {
  Desk queued;
  queued.ask();
  queued.store.reset();
  CHECK(queued.reads.step(queued.reader));
  queued.mail.deliver();
  CHECK(queued.heard.empty());

  Desk answered;
  answered.ask();
  answered.reads.step(answered.reader);
  answered.store.reset();
  answered.mail.deliver();
  CHECK(answered.heard.empty());
}

TEST_CASE("a stopped queue takes nothing") {
  Desk at;
  at.ask();
  at.reads.stop();
  CHECK(!at.reads.step(at.reader));
  CHECK(!at.reads.wait());
  at.ask();
  at.mail.deliver();
  REQUIRE(at.heard.size() == 1);
  CHECK(at.heard[0].error().code == Code::kOverloaded);
}

}  // namespace fairlead::store::test
