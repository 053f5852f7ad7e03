// What a device's result means for a command that has ended.
#include "commands/results.h"

#include <doctest/doctest.h>

#include "unit/commands/world.h"

namespace fairlead::commands::testing {
namespace {

using enum State;

std::string executed_command(World& world, const std::string& result) {
  const std::string id = world.send();
  Answer<void> done;
  world.service().result(kBoiler, executed(id, result), done.completion());
  world.repository.commit_all();
  REQUIRE(done.is_ok());
  return id;
}

Answer<void> result_of(World& world, const protocol::CommandResult& result) {
  Answer<void> answer;
  world.service().result(kBoiler, result, answer.completion());
  world.repository.answer_reads();
  world.repository.commit_all();
  return Answer<void>{std::move(answer.got)};
}

TEST_CASE("a second result is acked when equal as JSON values and a conflict when not") {
  World world;
  const std::string id = executed_command(world, R"({"a":1,"b":[1.0,"x"]})");
  const std::size_t told = world.sink.told.size();
  CHECK(result_of(world, executed(id, R"({ "b":[1,"x"], "a":10e-1 })")).is_ok());
  CHECK(result_of(world, executed(id, R"({"a":1,"b":["x",1]})")).code() == Code::kConflict);
  CHECK(result_of(world, executed(id)).code() == Code::kConflict);
  CHECK(result_of(world, failed(id, R"({"code":"a","message":"b"})")).code() == Code::kConflict);
  CHECK(world.sink.told.size() == told);
}

TEST_CASE("numbers of thirty digits are told apart in their last one") {
  World world;
  const std::string id = executed_command(world, "100000000000000000000000000001");
  CHECK(result_of(world, executed(id, "100000000000000000000000000001.0")).is_ok());
  CHECK(result_of(world, executed(id, "100000000000000000000000000002")).code() == Code::kConflict);
}

TEST_CASE("no result and a null result are the same") {
  World world;
  const std::string id = executed_command(world, "null");
  CHECK(result_of(world, executed(id)).is_ok());
}

TEST_CASE("an accept of what has ended is a conflict") {
  World world;
  const std::string id = executed_command(world, "1");
  Answer<void> answer;
  world.service().accept(kBoiler, {id}, answer.completion());
  world.repository.answer_reads();
  CHECK(answer.code() == Code::kConflict);
}

TEST_CASE("accepts and results of another device's or an unknown command are not found") {
  World world;
  const std::string unfinished = world.send();
  const std::string ended = executed_command(world, "1");
  for (const std::string& id : {unfinished, ended, std::string("k-nobody")}) {
    Answer<void> accepted, done;
    world.service().accept(kPump, {id}, accepted.completion());
    world.service().result(kPump, executed(id, "1"), done.completion());
    world.repository.answer_reads();
    CHECK(accepted.code() == Code::kNotFound);
    CHECK(done.code() == Code::kNotFound);
  }
}

TEST_CASE("the first result after the end of the time is kept beside, told, and final") {
  World world;
  const std::string id = world.send();
  world.pass(10'000);
  world.repository.commit_all();
  world.clock.now += 7;
  CHECK(result_of(world, executed(id, R"({"a":1})")).is_ok());
  CHECK(world.stored(id).state == kExpired);
  CHECK(!world.stored(id).result);
  CHECK(world.stored(id).late_result ==
        late_result_json(executed(id, R"({"a":1})"), world.clock.now));
  CHECK(world.sink.told.back().is_late);
  CHECK(world.sink.told.back().state == kExpired);
  const std::size_t told = world.sink.told.size();
  world.clock.now += 7;
  CHECK(result_of(world, executed(id, R"({"a":1.0})")).is_ok());
  CHECK(result_of(world, executed(id, R"({"a":2})")).code() == Code::kConflict);
  CHECK(world.sink.told.size() == told);
}

TEST_CASE("a result for a cancelled command is late, though the cancel is not stored yet") {
  World world;
  world.connect();
  const std::string id = world.deliver();
  Answer<State> cancelled;
  Answer<void> done;
  world.service().cancel(kBoiler, id, cancelled.completion());
  world.service().result(kBoiler, executed(id), done.completion());
  CHECK(!done.got);
  world.repository.commit_one();
  CHECK(cancelled.is_ok());
  CHECK(!done.got);
  world.repository.commit_one();
  CHECK(done.is_ok());
  CHECK(world.stored(id).state == kCancelled);
  CHECK(world.stored(id).late_result);
}

TEST_CASE("a result that comes when the time is over is late, though nobody called fire") {
  World world;
  const std::string id = world.send();
  world.clock.now += 10'000;
  CHECK(result_of(world, executed(id)).is_ok());
  CHECK(world.stored(id).state == kExpired);
  CHECK(world.sink.states() == std::vector{kPending, kExpired, kExpired});
}

TEST_CASE("two results that race are judged by the order they came in, and answered by it") {
  World world;
  const std::string id = world.send();
  Answer<void> first, same, other;
  world.service().result(kBoiler, executed(id, "1"), first.completion());
  world.service().result(kBoiler, executed(id, "1.0"), same.completion());
  world.service().result(kBoiler, executed(id, "2"), other.completion());
  CHECK(!same.got);
  CHECK(!other.got);
  world.repository.commit_all();
  CHECK(first.is_ok());
  CHECK(same.is_ok());
  CHECK(other.code() == Code::kConflict);
  CHECK(world.stored(id).result == "1");
}

TEST_CASE("two late results that are looked up at once are judged one after the other") {
  World world;
  const std::string id = world.send();
  world.pass(10'000);
  world.repository.commit_all();
  Answer<void> first, second;
  world.service().result(kBoiler, executed(id, "1"), first.completion());
  world.service().result(kBoiler, executed(id, "2"), second.completion());
  CHECK(world.repository.reads() == 1);
  world.repository.answer_reads();
  world.repository.commit_all();
  CHECK(first.is_ok());
  CHECK(second.code() == Code::kConflict);
  CHECK(world.stored(id).late_result->find(R"("result":1)") != std::string::npos);
}

TEST_CASE("a lookup that fails fails what waits for it") {
  World world;
  Answer<void> done;
  world.service().result(kBoiler, executed("k-1"), done.completion());
  world.repository.fail_reads();
  CHECK(done.code() == Code::kOverloaded);
}

}  // namespace
}  // namespace fairlead::commands::testing
