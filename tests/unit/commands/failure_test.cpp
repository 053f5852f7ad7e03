// Commits that fail: every command is as it was, and nobody is told what is not stored.
#include <doctest/doctest.h>

#include "unit/commands/world.h"

namespace fairlead::commands::testing {
namespace {

using enum State;

TEST_CASE("a command whose first commit fails has never been") {
  World world;
  world.connect();
  Answer<Sent> answer;
  world.service().send(world.request(true, true), world.capabilities, answer.completion());
  world.repository.fail_all();
  CHECK(answer.code() == Code::kOverloaded);
  CHECK(world.sink.told.empty());
  CHECK(world.link.deliveries.empty());
  CHECK(world.service().unfinished(kBoiler) == 0);
  CHECK(world.service().count(kPending) == 0);
  CHECK(!world.service().next_deadline());
}

TEST_CASE("a cancel whose commit fails leaves the command where it was, in its place") {
  World world;
  const std::string first = world.send();
  const std::string second = world.send();
  Answer<State> cancelled;
  world.service().cancel(kBoiler, first, cancelled.completion());
  CHECK(world.service().unfinished(kBoiler) == 1);
  world.repository.fail_all();
  CHECK(cancelled.code() == Code::kOverloaded);
  CHECK(world.service().unfinished(kBoiler) == 2);
  CHECK(world.service().next_deadline() == world.clock.now + 10'000);
  world.connect();
  CHECK(world.link.deliveries == std::vector<Delivery>{{kBoiler, first, 1}, {kBoiler, second, 1}});
}

TEST_CASE("a command is not delivered while its cancel is on its way, but when that failed") {
  World world;
  const std::string id = world.send();
  Answer<State> cancelled;
  world.service().cancel(kBoiler, id, cancelled.completion());
  world.connect();
  CHECK(world.link.deliveries.empty());
  world.repository.fail_all();
  CHECK(world.link.deliveries == std::vector<Delivery>{{kBoiler, id, 1}});
}

TEST_CASE("all changes on their way fail together, and so do the answers that rest on them") {
  World world;
  const std::string id = world.send();
  Answer<void> accepted, done, same;
  Answer<State> cancelled;
  world.service().accept(kBoiler, {id}, accepted.completion());
  world.service().result(kBoiler, executed(id, "1"), done.completion());
  world.service().result(kBoiler, executed(id, "1"), same.completion());
  world.service().cancel(kBoiler, id, cancelled.completion());
  world.repository.fail_all();
  CHECK(accepted.code() == Code::kOverloaded);
  CHECK(done.code() == Code::kOverloaded);
  CHECK(same.code() == Code::kOverloaded);
  CHECK(cancelled.code() == Code::kOverloaded);
  CHECK(world.service().count(kPending) == 1);
  CHECK(world.sink.states() == std::vector{kPending});
}

TEST_CASE("what a completion asks for in the middle of a failure rests on stored ground") {
  World world;
  const std::string first = world.send();
  const std::string second = world.send();
  Answer<State> retried;
  world.service().cancel(kBoiler, first, [&](const Result<State>& failed) {
    CHECK(!failed);
    // The executed below is doomed: it must not make this a conflict, nor undo it.
    world.service().cancel(kBoiler, second, retried.completion());
  });
  Answer<void> doomed;
  world.service().result(kBoiler, executed(second), doomed.completion());
  world.repository.fail_all();
  CHECK(doomed.code() == Code::kOverloaded);
  CHECK(!retried.got);
  world.repository.commit_all();
  CHECK(retried.is_ok());
  CHECK(world.stored(second).state == kCancelled);
  CHECK(world.service().unfinished(kBoiler) == 1);
}

TEST_CASE("an expiry whose commit fails is tried again a second later") {
  World world;
  const std::string id = world.send();
  world.pass(10'000);
  world.repository.fail_all();
  CHECK(world.sink.states() == std::vector{kPending});
  CHECK(world.service().next_deadline() == world.clock.now + 1'000);
  world.pass(1'000);
  world.repository.commit_all();
  CHECK(world.stored(id).state == kExpired);
}

TEST_CASE("a delivery that could not be written down is, a second later") {
  World world;
  world.connect();
  const std::string id = world.send(world.request(true, true));
  world.written(id);
  world.repository.fail_all();
  CHECK(world.service().next_deadline() == world.clock.now + 1'000);
  world.pass(1'000);
  world.repository.commit_all();
  CHECK(world.stored(id).state == kDelivered);
  CHECK(world.stored(id).attempt == 1);
  CHECK(world.service().next_deadline() == world.stored(id).expires_at);
}

TEST_CASE("a delivery that could not be written down is with the next change, and is told") {
  World world;
  world.connect();
  const std::string id = world.send(world.request(true, true));
  world.written(id);
  world.repository.fail_all();
  Answer<void> done;
  world.service().result(kBoiler, executed(id), done.completion());
  world.repository.commit_all();
  CHECK(done.is_ok());
  CHECK(world.sink.states() == std::vector{kPending, kDelivered, kExecuted});
  CHECK(world.stored(id).attempt == 1);
}

TEST_CASE("a frame is numbered by what was taken, not by what was written down") {
  World world;
  world.connect();
  const std::string id = world.send(world.request(true, true));
  world.written(id);
  world.repository.fail_all();
  world.connect();
  CHECK(world.link.deliveries.back() == Delivery{kBoiler, id, 2});
}

TEST_CASE("who asks for a command that is not stored yet is answered when that is decided") {
  World world;
  Answer<Sent> lost, kept;
  Answer<Command> waiting, too_early, got;
  world.service().send(world.request(), world.capabilities, lost.completion());
  const std::string lost_id = world.repository.last_saved();
  world.service().wait(kBoiler, lost_id, world.clock.now + 5'000, waiting.completion());
  world.service().get(kBoiler, lost_id, too_early.completion());
  CHECK(!too_early.got);
  world.repository.fail_all();
  CHECK(lost.code() == Code::kOverloaded);
  CHECK(waiting.code() == Code::kOverloaded);
  CHECK(too_early.code() == Code::kOverloaded);
  CHECK(!world.service().next_deadline());

  world.service().send(world.request(), world.capabilities, kept.completion());
  const std::string kept_id = world.repository.last_saved();
  world.service().get(kBoiler, kept_id, got.completion());
  CHECK(!got.got);
  world.repository.commit_all();
  REQUIRE(got.is_ok());
  CHECK(got.got->value() == world.stored(kept_id));
}

TEST_CASE("a late result whose commit fails can be given again, and another one too") {
  World world;
  const std::string id = world.send();
  world.pass(10'000);
  world.repository.commit_all();
  Answer<void> first, second;
  world.service().result(kBoiler, executed(id, "1"), first.completion());
  world.repository.answer_reads();
  world.repository.fail_all();
  CHECK(first.code() == Code::kOverloaded);
  world.service().result(kBoiler, executed(id, "2"), second.completion());
  world.repository.answer_reads();
  world.repository.commit_all();
  CHECK(second.is_ok());
  CHECK(world.stored(id).late_result->find(R"("result":2)") != std::string::npos);
}

}  // namespace
}  // namespace fairlead::commands::testing
