// Sending, delivering and ending commands: the ways that go well.
#include "commands/service.h"

#include <doctest/doctest.h>

#include "unit/commands/world.h"

namespace fairlead::commands::testing {
namespace {

using enum State;

TEST_CASE("a command is acked and told after its commit, not before") {
  World world;
  Answer<Sent> answer;
  world.service().send(world.request(), world.capabilities, answer.completion());
  CHECK(!answer.got);
  CHECK(world.sink.told.empty());
  world.repository.commit_all();
  REQUIRE(answer.is_ok());
  CHECK(answer.got->value().state == kPending);
  REQUIRE(world.sink.told.size() == 1);
  CHECK(world.sink.told[0].command == answer.got->value().command);
  CHECK(world.sink.told[0].connection == "c-1");
  CHECK(world.sink.told[0].at == world.clock.now);
}

TEST_CASE("what is stored is all that was asked for") {
  World world;
  SendRequest request = world.request();
  request.body.idempotency_key = "once";
  const std::string id = world.send(request);
  const Command& stored = world.stored(id);
  CHECK(stored.device_key == kBoilerKey);
  CHECK(stored.tenant == "default");
  CHECK(stored.device == "boiler-7");
  CHECK(stored.name == "set_target");
  CHECK(stored.params == R"({"celsius":21})");
  CHECK(stored.is_queued);
  CHECK(stored.issued_by == "ops");
  CHECK(stored.issued_at == world.clock.now);
  CHECK(stored.expires_at == world.clock.now + 10'000);
  CHECK(stored.idempotency_key == "once");
  CHECK(!stored.fleet);
  CHECK(stored.history == std::vector<Transition>{{kPending, world.clock.now}});
}

TEST_CASE("an undeclared name is invalid and nothing is stored") {
  World world;
  world.capabilities =
      protocol::Capabilities::parse(R"({"commands":{"reboot":{}}})").value_or(world.capabilities);
  Answer<Sent> answer;
  world.service().send(world.request(), world.capabilities, answer.completion());
  REQUIRE(answer.code() == Code::kInvalid);
  CHECK(answer.got->error().fields ==
        std::vector<FieldProblem>{{"name", "is not declared by the device"}});
  CHECK(world.repository.waiting() == 0);
}

TEST_CASE("params that break the declared schema are invalid and nothing is stored") {
  World world;
  world.capabilities =
      protocol::Capabilities::parse(
          R"({"commands":{"set_target":{"params":{"properties":{"celsius":{"maximum":20}}}}}})")
          .value_or(world.capabilities);
  Answer<Sent> answer;
  world.service().send(world.request(), world.capabilities, answer.completion());
  REQUIRE(answer.code() == Code::kInvalid);
  CHECK(answer.got->error().fields.at(0).path == "params.celsius");
  CHECK(world.repository.waiting() == 0);
}

TEST_CASE("a now command for a device that is offline is recorded as failed") {
  World world;
  Answer<Sent> answer;
  world.service().send(world.request(false, false), world.capabilities, answer.completion());
  CHECK(!answer.got);
  world.repository.commit_all();
  CHECK(answer.got->value().state == kFailed);
  CHECK(answer.got->value().refusal->code == Code::kDeviceOffline);
  REQUIRE(world.repository.stored.size() == 1);
  const Command& stored = world.repository.stored.begin()->second;
  CHECK(stored.state == kFailed);
  CHECK(stored.error == R"({"code":"device_offline","message":"device boiler-7: not connected"})");
  CHECK(stored.history ==
        std::vector<Transition>{{kPending, stored.issued_at}, {kFailed, stored.issued_at}});
  CHECK(world.sink.states() == std::vector{kFailed});
  CHECK(world.service().unfinished(kBoiler) == 0);
}

TEST_CASE("the queue is full at its limit, admitted commands count, ended ones do not") {
  World world(Limits{.unfinished_per_device = 2});
  const std::string first = world.send();
  Answer<Sent> second;
  world.service().send(world.request(), world.capabilities, second.completion());
  Answer<Sent> third;
  world.service().send(world.request(), world.capabilities, third.completion());
  CHECK(third.code() == Code::kQueueFull);
  SendRequest other = world.request();
  other.device = kPump;
  other.device_key = kPumpKey;
  CHECK(!world.send(other).empty());

  Answer<State> cancelled;
  world.service().cancel(kBoiler, first, cancelled.completion());
  Answer<Sent> fourth;
  world.service().send(world.request(), world.capabilities, fourth.completion());
  world.repository.commit_all();
  CHECK(fourth.is_ok());
}

TEST_CASE("commands reach a connected device after their commit, in the order accepted") {
  World world;
  world.connect();
  std::vector<Answer<Sent>> answers(3);
  for (auto& answer : answers) {
    world.service().send(world.request(false, true), world.capabilities, answer.completion());
  }
  CHECK(world.link.deliveries.empty());
  world.repository.commit_all();
  REQUIRE(world.link.deliveries.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(world.link.deliveries[i] == Delivery{kBoiler, answers[i].got->value().command, 1});
  }
}

TEST_CASE("queued commands wait for the device and keep their order over a restart") {
  World world;
  std::vector<Delivery> expected;
  expected.reserve(20);
  for (int i = 0; i < 20; ++i) expected.push_back({kBoiler, world.send(), 1});
  CHECK(world.link.deliveries.empty());
  world.restart();
  CHECK(world.service().unfinished(kBoiler) == 20);
  world.connect();
  CHECK(world.link.deliveries == expected);
}

TEST_CASE("delivered means written to the device's connection, and is stored with the attempt") {
  World world;
  world.connect();
  const std::string id = world.send(world.request(false, true));
  CHECK(world.stored(id).state == kPending);
  world.clock.now += 5;
  world.written(id);
  CHECK(world.sink.states() == std::vector{kPending});
  world.repository.commit_all();
  CHECK(world.stored(id).state == kDelivered);
  CHECK(world.stored(id).attempt == 1);
  CHECK(world.sink.states() == std::vector{kPending, kDelivered});
  CHECK(world.service().count(kDelivered) == 1);
}

TEST_CASE("the answer of a quick device is written down together with the delivery") {
  World world;
  world.connect();
  const std::string id = world.send(world.request(true, true));
  world.service().written(kBoiler, id);
  CHECK(world.repository.waiting() == 0);
  world.clock.now += 2;
  Answer<void> done;
  world.service().result(kBoiler, executed(id), done.completion());
  CHECK(world.repository.waiting() == 2);
  world.repository.commit_all();
  CHECK(done.is_ok());
  CHECK(world.sink.states() == std::vector{kPending, kDelivered, kExecuted});
  CHECK(!world.service().next_deadline());
}

TEST_CASE("a delivery without an answer is written down all the same, and the deadline stays") {
  World world;
  world.connect();
  const std::string id = world.send(world.request(true, true));
  world.service().written(kBoiler, id);
  world.pass(4);
  CHECK(world.repository.waiting() == 0);
  world.pass(1);
  world.repository.commit_all();
  CHECK(world.stored(id).state == kDelivered);
  CHECK(world.service().next_deadline() == world.stored(id).expires_at);
}

TEST_CASE("a device that reconnects gets again what has no result, with the attempt raised") {
  World world;
  world.connect();
  const std::string written = world.deliver();
  const std::string queued = world.send(world.request(true, true));  // its frame was not taken
  world.link.deliveries.clear();
  world.service().device_disconnected(kBoiler);
  world.connect();
  CHECK(world.link.deliveries ==
        std::vector<Delivery>{{kBoiler, written, 2}, {kBoiler, queued, 1}});
  const std::size_t told = world.sink.told.size();
  world.written(written);
  world.repository.commit_all();
  CHECK(world.stored(written).attempt == 2);
  // Delivered twice is no change of state.
  CHECK(world.sink.told.size() == told);
  CHECK(world.stored(written).history.size() == 2);
}

TEST_CASE("a takeover sends everything to the new connection without a disconnect between") {
  World world;
  world.connect();
  const std::string id = world.deliver();
  world.connect();
  CHECK(world.link.deliveries == std::vector<Delivery>{{kBoiler, id, 1}, {kBoiler, id, 2}});
}

TEST_CASE("accepted and executed: each is stored, told and acked, and the end leaves memory") {
  World world;
  world.connect();
  const std::string id = world.deliver();
  Answer<void> accepted, done, again;
  world.service().accept(kBoiler, {id}, accepted.completion());
  CHECK(!accepted.got);
  world.repository.commit_all();
  CHECK(accepted.is_ok());
  world.service().accept(kBoiler, {id}, again.completion());
  CHECK(again.is_ok());
  world.service().result(kBoiler, executed(id, R"({"was":20})"), done.completion());
  world.repository.commit_all();
  CHECK(done.is_ok());
  CHECK(world.sink.states() == std::vector{kPending, kDelivered, kAccepted, kExecuted});
  CHECK(world.stored(id).result == R"({"was":20})");
  CHECK(world.stored(id).history.size() == 4);
  CHECK(world.service().unfinished(kBoiler) == 0);
  CHECK(!world.service().next_deadline());
}

TEST_CASE("a result for a pending command is taken as if it had been delivered") {
  World world;
  const std::string id = world.send();
  Answer<void> done;
  world.service().result(kBoiler, failed(id, R"({"code":"jam","message":"stuck"})"),
                         done.completion());
  world.repository.commit_all();
  CHECK(done.is_ok());
  CHECK(world.stored(id).state == kFailed);
  CHECK(world.stored(id).error == R"({"code":"jam","message":"stuck"})");
}

TEST_CASE("a command expires at expires_at exactly, not a millisecond before") {
  World world;
  const std::string id = world.send();
  CHECK(world.service().next_deadline() == world.clock.now + 10'000);
  world.pass(9'999);
  CHECK(world.repository.waiting() == 0);
  world.pass(1);
  world.repository.commit_all();
  CHECK(world.stored(id).state == kExpired);
  CHECK(world.sink.states() == std::vector{kPending, kExpired});
  CHECK(!world.service().next_deadline());
}

TEST_CASE("an expired command is not delivered, though nobody called fire yet") {
  World world;
  world.send();
  world.clock.now += 10'000;
  world.connect();
  CHECK(world.link.deliveries.empty());
}

TEST_CASE("cancel ends a command, is answered after the commit, and the device is not told") {
  World world;
  world.connect();
  const std::string id = world.deliver();
  Answer<State> answer;
  world.service().cancel(kBoiler, id, answer.completion());
  CHECK(!answer.got);
  world.repository.commit_all();
  REQUIRE(answer.is_ok());
  CHECK(answer.got->value() == kCancelled);
  CHECK(world.link.deliveries.size() == 1);
  CHECK(world.stored(id).state == kCancelled);
}

TEST_CASE("cancelling what has ended is a conflict that says how it ended") {
  World world;
  const std::string id = world.send();
  Answer<void> done;
  world.service().result(kBoiler, executed(id), done.completion());
  world.repository.commit_all();
  Answer<State> answer;
  world.service().cancel(kBoiler, id, answer.completion());
  world.repository.answer_reads();
  REQUIRE(answer.code() == Code::kConflict);
  CHECK(answer.got->error().message.ends_with("already executed"));
}

TEST_CASE("get tells the stored form, from memory or from the store, to its device only") {
  World world;
  const std::string id = world.send();
  Answer<void> accepted;
  world.service().accept(kBoiler, {id}, accepted.completion());
  Answer<Command> in_memory, of_another;
  world.service().get(kBoiler, id, in_memory.completion());
  world.service().get(kPump, id, of_another.completion());
  REQUIRE(in_memory.is_ok());
  CHECK(in_memory.got->value() == world.stored(id));
  CHECK(in_memory.got->value().state == kPending);
  CHECK(of_another.code() == Code::kNotFound);

  Answer<void> done;
  world.service().result(kBoiler, executed(id), done.completion());
  world.repository.commit_all();
  Answer<Command> from_store, another_from_store, unknown;
  world.service().get(kBoiler, id, from_store.completion());
  world.service().get(kPump, id, another_from_store.completion());
  world.service().get(kBoiler, "k-unknown", unknown.completion());
  world.repository.answer_reads();
  REQUIRE(from_store.is_ok());
  CHECK(from_store.got->value() == world.stored(id));
  CHECK(another_from_store.code() == Code::kNotFound);
  CHECK(unknown.code() == Code::kNotFound);
}

TEST_CASE("wait ends with the final state as soon as that is stored") {
  World world;
  const std::string id = world.send();
  Answer<Command> answer;
  world.service().wait(kBoiler, id, world.clock.now + 60'000, answer.completion());
  Answer<void> done;
  world.service().result(kBoiler, executed(id), done.completion());
  CHECK(!answer.got);
  world.repository.commit_all();
  REQUIRE(answer.is_ok());
  CHECK(answer.got->value().state == kExecuted);
  CHECK(!world.service().next_deadline());
  Answer<Command> after_the_end;
  world.service().wait(kBoiler, id, world.clock.now + 60'000, after_the_end.completion());
  world.repository.answer_reads();
  CHECK(after_the_end.is_ok());
}

TEST_CASE("wait ends at its deadline with the state stored by then") {
  World world;
  const std::string id = world.send();
  Answer<Command> answer, too_late;
  world.service().wait(kBoiler, id, world.clock.now + 100, answer.completion());
  CHECK(world.service().next_deadline() == world.clock.now + 100);
  world.pass(99);
  CHECK(!answer.got);
  world.pass(1);
  REQUIRE(answer.is_ok());
  CHECK(answer.got->value().state == kPending);
  world.service().wait(kBoiler, id, world.clock.now, too_late.completion());
  CHECK(too_late.is_ok());
}

TEST_CASE("a restart takes up every unfinished command with its deadline and its attempt") {
  World world;
  world.connect();
  const std::string id = world.deliver();
  world.restart();
  CHECK(world.service().count(kDelivered) == 1);
  CHECK(world.service().next_deadline() == world.stored(id).expires_at);
  world.link.deliveries.clear();
  world.connect();
  CHECK(world.link.deliveries == std::vector<Delivery>{{kBoiler, id, 2}});
}

TEST_CASE("when the hub stops, waits end with the state as it is, those that come later too") {
  World world;
  const std::string id = world.send();
  Answer<Command> early, late;
  world.service().wait(kBoiler, id, world.clock.now + 60'000, early.completion());
  CHECK(!early.got);
  world.service().end_waits();
  REQUIRE(early.is_ok());
  CHECK(early.got->value().state == kPending);
  world.service().wait(kBoiler, id, world.clock.now + 60'000, late.completion());
  REQUIRE(late.is_ok());
  CHECK(late.got->value().state == kPending);
}

TEST_CASE("a deleted device's commands end unannounced, and those who wait are answered") {
  World world;
  const std::string id = world.send();
  Answer<Command> waiting;
  Answer<State> cancelled;
  world.service().wait(kBoiler, id, world.clock.now + 5'000, waiting.completion());
  world.service().cancel(kBoiler, id, cancelled.completion());
  const std::size_t told = world.sink.told.size();
  world.service().forget(kBoiler);
  CHECK(waiting.code() == Code::kNotFound);
  CHECK(!world.service().next_deadline());
  world.service().know(kBoiler, 99);
  world.connect();
  world.repository.commit_all();
  CHECK(cancelled.code() == Code::kNotFound);
  CHECK(world.sink.told.size() == told);
  CHECK(world.link.deliveries.empty());
  CHECK(world.service().unfinished(kBoiler) == 0);
  Answer<Command> of_the_next_device;
  world.service().get(kBoiler, id, of_the_next_device.completion());
  world.repository.answer_reads();
  CHECK(of_the_next_device.code() == Code::kNotFound);
}

}  // namespace
}  // namespace fairlead::commands::testing
