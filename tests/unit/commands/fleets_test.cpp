#include "commands/fleets.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>

#include "unit/commands/world.h"

namespace fairlead::commands::testing {
namespace {

using Members = std::vector<std::size_t>;

/// A store of fleets whose commits and failures happen when the test says so.
class HandFleets final : public FleetRepository {
 public:
  void create_fleet(Fleet fleet, Completion<void> done) override {
    put([this, fleet = std::move(fleet)] { stored.insert_or_assign(fleet.id, fleet); },
        std::move(done));
  }
  void update_fleet(std::string id, FleetProgress progress, Completion<void> done) override {
    put([this, id, progress] { stored.at(id).progress = progress; }, std::move(done));
  }
  void find_fleet(std::string /*id*/, Completion<std::optional<Fleet>> /*done*/) override {}

  void commit_all() {
    while (!waiting_.empty()) {
      auto [apply, done] = take();
      apply();
      done({});
    }
  }
  void fail_all() {
    for (std::size_t n = waiting_.size(); n > 0; --n) {
      take().second(fail(Code::kOverloaded, "the store cannot write"));
    }
  }
  std::size_t waiting() const { return waiting_.size(); }

  std::map<std::string, Fleet> stored;

 private:
  using Apply = std::move_only_function<void()>;
  void put(Apply apply, Completion<void> done) {
    waiting_.emplace_back(std::move(apply), std::move(done));
  }
  std::pair<Apply, Completion<void>> take() {
    auto next = std::move(waiting_.front());
    waiting_.pop_front();
    return next;
  }

  std::deque<std::pair<Apply, Completion<void>>> waiting_;
};

/// Notes what is asked of the other shards.
class RecordingHands final : public Fleets::Hands {
 public:
  void hand_out(const std::shared_ptr<const Fleet>& /*fleet*/, std::size_t member,
                bool waits) override {
    handed_out.push_back(member);
    is_waiting = waits;
  }
  void cancel(const std::shared_ptr<const Fleet>& /*fleet*/, std::size_t member) override {
    cancelled.push_back(member);
  }
  void again(const std::string& fleet) override { later.push_back(fleet); }
  void tell(const Fleet& /*fleet*/, const FleetReport& report, const Sender& sender) override {
    told.push_back(report);
    connection = sender.connection;
  }
  void settled(const std::string& /*tenant*/) override { ++places_given_back; }

  Members take_handed_out() { return std::exchange(handed_out, {}); }

  Members handed_out;
  Members cancelled;
  std::vector<std::string> later;
  std::vector<FleetReport> told;
  std::string connection;
  bool is_waiting = false;
  int places_given_back = 0;
};

const std::string kFleet = "f-1";

std::string device_of(std::size_t member) { return fmt::format("d{:04}", member); }

/// Fleets with everything around them played by hand.
struct FleetWorld {
  HandFleets repository;
  RecordingHands hands;
  std::optional<Fleets> fleets{std::in_place, repository, hands};

  Fleet a_fleet(std::size_t members, std::int64_t max_in_flight = 100,
                std::optional<std::int64_t> stop_after = std::nullopt) const {
    FleetMembers list;
    for (std::size_t i = 0; i < members; ++i) {
      list.push_back({device_of(i), static_cast<protocol::DeviceKey>(i) + 1});
    }
    Fleet fleet;
    fleet.id = kFleet;
    fleet.tenant = "t";
    fleet.max_in_flight = max_in_flight;
    fleet.stop_after_failures = stop_after;
    fleet.members = std::make_shared<const FleetMembers>(std::move(list));
    return fleet;
  }
  void create(Fleet fleet) {
    Answer<FleetReport> answer;
    fleets->create(std::move(fleet), {.shard = 0, .connection = "7"}, answer.completion());
    CHECK(!answer.got);
    repository.commit_all();
    REQUIRE(answer.is_ok());
  }
  void becomes(std::size_t member, std::initializer_list<State> states) {
    for (const State state : states) fleets->changed(kFleet, device_of(member), state);
  }
  void ends(std::size_t member, State state = State::kExecuted) {
    becomes(member, {State::kPending, State::kDelivered, state});
  }
  FleetCounts counts() const { return fleets->find(kFleet)->counts; }
  const FleetProgress& stored() const { return repository.stored.at(kFleet).progress; }
  /// As a hub that was killed and starts again.
  void restart(const std::vector<std::pair<protocol::DeviceKey, State>>& members) {
    fleets.emplace(repository, hands);
    fleets->restore(repository.stored.at(kFleet), members);
  }
};

}  // namespace

TEST_CASE("a fleet hands out as many as may be in flight, the next for each that ends") {
  FleetWorld world;
  world.create(world.a_fleet(5, 2));
  CHECK(world.hands.take_handed_out() == Members{0, 1});
  world.becomes(0, {State::kPending, State::kDelivered, State::kAccepted});
  CHECK(world.hands.take_handed_out().empty());
  CHECK(world.counts().waiting == 4);
  CHECK(world.counts().of(State::kAccepted) == 1);
  world.becomes(0, {State::kExecuted});
  CHECK(world.hands.take_handed_out() == Members{2});
  world.ends(1);
  world.ends(2, State::kFailed);
  CHECK(world.hands.take_handed_out() == Members{3, 4});
  world.ends(3, State::kExpired);
  world.ends(4);
  CHECK(world.stored().is_settled == false);
  world.repository.commit_all();
  CHECK(!world.fleets->find(kFleet));
  CHECK(world.hands.told.back().state == FleetState::kDone);
  CHECK(world.hands.connection == "7");
  CHECK(world.hands.places_given_back == 1);
  CHECK(world.stored().is_settled);
  CHECK(world.stored().counts.of(State::kExecuted) == 3);
  CHECK(world.stored().counts.failures() == 2);
}

TEST_CASE("a fleet without devices is done at once, and says so") {
  FleetWorld world;
  world.create(world.a_fleet(0));
  CHECK(world.stored().state == FleetState::kDone);
  CHECK(world.hands.told.size() == 1);
  CHECK(world.hands.places_given_back == 1);
}

TEST_CASE("a fleet that could not be stored does nothing and gives its place back") {
  FleetWorld world;
  Answer<FleetReport> answer;
  world.fleets->create(world.a_fleet(3), {}, answer.completion());
  world.repository.fail_all();
  CHECK(answer.code() == Code::kOverloaded);
  CHECK(world.hands.handed_out.empty());
  CHECK(world.hands.places_given_back == 1);
}

TEST_CASE("a large fleet is handed out in steps, between which others are served") {
  FleetWorld world;
  world.create(world.a_fleet(Fleets::kStep + 10, 1000));
  CHECK(world.hands.take_handed_out().size() == Fleets::kStep);
  CHECK(world.hands.later.size() == 1);
  world.ends(0);
  CHECK(world.hands.handed_out.empty());
  world.fleets->go_on(kFleet);
  CHECK(world.hands.take_handed_out().size() == 10);
}

TEST_CASE("progress is told once a second while something changes, and at the end") {
  FleetWorld world;
  world.create(world.a_fleet(2));
  world.fleets->once_a_second();
  CHECK(world.hands.told.empty());
  world.becomes(0, {State::kPending, State::kDelivered});
  world.becomes(1, {State::kPending});
  CHECK(world.hands.told.empty());
  world.fleets->once_a_second();
  world.fleets->once_a_second();
  REQUIRE(world.hands.told.size() == 1);
  CHECK(world.hands.told[0].counts.of(State::kDelivered) == 1);
  world.becomes(0, {State::kExecuted});
  world.becomes(1, {State::kExecuted});
  world.repository.commit_all();
  CHECK(world.hands.told.size() == 2);
}

TEST_CASE("too many failures stop a fleet: what is in flight goes on, the rest waits") {
  FleetWorld world;
  world.create(world.a_fleet(10, 3, 2));
  world.ends(0, State::kFailed);
  world.ends(1, State::kExpired);
  CHECK(world.hands.take_handed_out() == Members{0, 1, 2, 3});
  CHECK(world.fleets->find(kFleet)->state == FleetState::kRunning);
  world.repository.commit_all();
  CHECK(world.fleets->find(kFleet)->state == FleetState::kStopped);
  CHECK(!world.stored().is_settled);
  world.ends(2);
  world.ends(3);
  world.repository.commit_all();
  CHECK(world.hands.handed_out.empty());
  CHECK(world.stored().is_settled);
  CHECK(world.stored().state == FleetState::kStopped);
  CHECK(world.stored().counts.waiting == 6);
}

TEST_CASE("when the last command brings the failures to the number, the fleet is stopped") {
  FleetWorld world;
  world.create(world.a_fleet(2, 2, 1));
  world.ends(0);
  world.ends(1, State::kFailed);
  world.repository.commit_all();
  CHECK(world.stored().state == FleetState::kStopped);
  CHECK(world.stored().is_settled);
}

TEST_CASE("a cancellation is stored, then cancels what is in flight, then is answered") {
  FleetWorld world;
  world.create(world.a_fleet(5, 3));
  world.becomes(0, {State::kPending});
  world.ends(1);
  Answer<FleetReport> answer;
  world.fleets->cancel(kFleet, answer.completion());
  CHECK(world.hands.cancelled.empty());
  world.repository.commit_all();
  CHECK(world.hands.cancelled == Members{0});
  // They were asked for before.
  world.becomes(2, {State::kPending});
  world.becomes(3, {State::kPending});
  CHECK(world.hands.cancelled == Members{0, 2, 3});
  for (const std::size_t member : Members{0, 2, 3}) world.becomes(member, {State::kCancelled});
  CHECK(!answer.got);
  world.repository.commit_all();
  REQUIRE(answer.is_ok());
  CHECK(answer.got->value().state == FleetState::kStopped);
  CHECK(answer.got->value().counts.of(State::kCancelled) == 3);
  CHECK(answer.got->value().counts.waiting == 1);
}

TEST_CASE("a cancellation that comes while the end is being stored is a conflict") {
  FleetWorld world;
  world.create(world.a_fleet(1));
  world.ends(0);
  Answer<FleetReport> answer;
  world.fleets->cancel(kFleet, answer.completion());
  world.repository.commit_all();
  CHECK(answer.code() == Code::kConflict);
  CHECK(world.stored().state == FleetState::kDone);
}

TEST_CASE("a cancellation that cannot be stored is an error, and the fleet goes on") {
  FleetWorld world;
  world.create(world.a_fleet(3, 1));
  Answer<FleetReport> answer;
  world.fleets->cancel(kFleet, answer.completion());
  world.repository.fail_all();
  CHECK(answer.code() == Code::kOverloaded);
  world.hands.take_handed_out();
  world.ends(0);
  CHECK(world.hands.take_handed_out() == Members{1});
}

TEST_CASE("a device that is gone counts as cancelled, one that was refused is tried again") {
  FleetWorld world;
  world.create(world.a_fleet(3, 2));
  CHECK(world.hands.take_handed_out() == Members{0, 1});
  world.fleets->refused(kFleet, 0, Code::kNotFound);
  CHECK(world.hands.take_handed_out() == Members{2});
  world.fleets->refused(kFleet, 1, Code::kOverloaded);
  CHECK(world.hands.take_handed_out().empty());
  world.fleets->once_a_second();
  CHECK(world.hands.take_handed_out() == Members{1});
  world.ends(1);
  world.ends(2);
  world.repository.commit_all();
  CHECK(world.stored().counts.of(State::kCancelled) == 1);
  CHECK(world.stored().counts.of(State::kExecuted) == 2);
}

TEST_CASE("an end that cannot be stored is stored a second later, and told then") {
  FleetWorld world;
  world.create(world.a_fleet(1));
  world.ends(0);
  world.repository.fail_all();
  CHECK(world.hands.told.empty());
  world.fleets->once_a_second();
  world.repository.commit_all();
  CHECK(world.stored().is_settled);
  CHECK(world.hands.told.back().state == FleetState::kDone);
}

TEST_CASE("a restart takes a fleet up where its commands stand, and lets those for now wait") {
  FleetWorld world;
  world.create(world.a_fleet(5, 2));
  world.hands.take_handed_out();
  world.restart({{1, State::kExecuted}, {2, State::kDelivered}, {4, State::kCancelled}});
  CHECK(world.hands.handed_out.empty());
  world.fleets->once_a_second();
  CHECK(world.hands.take_handed_out() == Members{2});
  CHECK(world.hands.is_waiting);
  CHECK(world.hands.told.back().counts.waiting == 2);
  world.becomes(1, {State::kExecuted});
  CHECK(world.hands.take_handed_out() == Members{4});
  world.ends(2);
  world.ends(4);
  world.repository.commit_all();
  CHECK(world.stored().counts.of(State::kExecuted) == 4);
  CHECK(world.stored().counts.of(State::kCancelled) == 1);
}

TEST_CASE("a restart in the middle of a cancellation goes on cancelling") {
  FleetWorld world;
  world.create(world.a_fleet(3, 2));
  world.becomes(0, {State::kPending});
  world.becomes(1, {State::kPending});
  Answer<FleetReport> answer;
  world.fleets->cancel(kFleet, answer.completion());
  world.repository.commit_all();
  world.hands.cancelled.clear();
  world.restart({{1, State::kPending}, {2, State::kPending}});
  world.fleets->once_a_second();
  CHECK(world.hands.cancelled == Members{0, 1});
  world.becomes(0, {State::kCancelled});
  world.becomes(1, {State::kExecuted});
  world.repository.commit_all();
  CHECK(world.stored().is_settled);
  CHECK(world.stored().state == FleetState::kStopped);
}

TEST_CASE("a restart that finds the failures reached stops before anything is handed out") {
  FleetWorld world;
  world.create(world.a_fleet(4, 2, 1));
  world.hands.take_handed_out();
  world.restart({{1, State::kFailed}});
  world.fleets->once_a_second();
  world.repository.commit_all();
  CHECK(world.hands.handed_out.empty());
  CHECK(world.stored().state == FleetState::kStopped);
}

}  // namespace fairlead::commands::testing
