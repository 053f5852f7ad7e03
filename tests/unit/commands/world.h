#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "commands/service.h"

namespace fairlead::commands::testing {

class HandClock final : public Clock {
 public:
  std::int64_t now_ms() const override { return now; }
  std::int64_t steady_ms() const override { return now; }
  std::int64_t now = 1'764'000'000'000;
};

/// A store whose commits, failures and reads happen when the test says so.
class HandRepository final : public Repository {
 public:
  void save(Command command, Completion<void> done) override {
    waiting_.emplace_back(std::move(command), std::move(done));
  }
  /// Reads see what was committed when they were asked for: as old as a read may be.
  void find(std::string id, Completion<std::optional<Command>> done) override {
    std::optional<Command> found;
    if (stored.contains(id)) found = stored.at(id);
    reads_.emplace_back(std::move(found), std::move(done));
  }
  void forget_commands(std::int64_t /*before_ms*/, Completion<bool> /*done*/) override {}
  void list(ListQuery /*query*/, Completion<std::vector<Command>> /*done*/) override {}

  bool commit_one() {
    if (waiting_.empty()) return false;
    auto [command, done] = std::move(waiting_.front());
    waiting_.pop_front();
    if (on_commit) on_commit(command);
    stored[command.id] = std::move(command);
    done({});
    return true;
  }
  void commit_all() {
    while (commit_one()) {
    }
  }
  /// All that waits now; what is saved meanwhile is of the next round.
  void fail_all() {
    for (std::size_t n = waiting_.size(); n > 0; --n) {
      auto done = std::move(waiting_.front().second);
      waiting_.pop_front();
      done(fail(Code::kOverloaded, "the store cannot write"));
    }
  }
  void answer_reads() {
    while (!reads_.empty()) {
      auto [found, done] = std::move(reads_.front());
      reads_.pop_front();
      done(std::move(found));
    }
  }
  void fail_reads() {
    while (!reads_.empty()) {
      auto done = std::move(reads_.front().second);
      reads_.pop_front();
      done(fail(Code::kOverloaded, "too many reads"));
    }
  }
  /// A crash: nobody is answered.
  void lose_waiting() {
    waiting_.clear();
    reads_.clear();
  }
  const std::string& last_saved() const { return waiting_.back().first.id; }
  std::int64_t last_expiry() const { return waiting_.back().first.expires_at; }
  std::size_t waiting() const { return waiting_.size(); }
  std::size_t reads() const { return reads_.size(); }

  std::map<std::string, Command> stored;
  std::function<void(const Command&)> on_commit;

 private:
  std::deque<std::pair<Command, Completion<void>>> waiting_;
  std::deque<std::pair<std::optional<Command>, Completion<std::optional<Command>>>> reads_;
};

struct Delivery {
  protocol::DeviceRef device = 0;
  std::string command;
  std::int64_t attempt = 0;

  friend bool operator==(const Delivery&, const Delivery&) = default;
};

class RecordingLink final : public DeviceLink {
 public:
  void deliver(protocol::DeviceRef device, const Command& command) override {
    deliveries.push_back({device, command.id, command.attempt});
  }
  std::vector<Delivery> deliveries;
};

struct ToldChange {
  std::string command;
  State state = State::kPending;
  bool is_late = false;
  std::string connection;
  std::int64_t at = 0;
};

class RecordingSink final : public EventSink {
 public:
  void command_changed(protocol::DeviceRef /*device*/, const Command& command, const Sender& sender,
                       std::int64_t at, bool is_late) override {
    told.push_back({command.id, command.state, is_late, sender.connection, at});
    if (on_told) on_told(command, is_late);
  }
  void command_gone(const Command& command) override { gone.push_back(command.id); }
  std::vector<State> states() const {
    std::vector<State> states;
    states.reserve(told.size());
    for (const ToldChange& change : told) states.push_back(change.state);
    return states;
  }
  std::vector<ToldChange> told;
  std::vector<std::string> gone;
  std::function<void(const Command&, bool)> on_told;
};

/// What a completion brought; fails the test when it runs twice.
template <typename T>
struct Answer {
  std::optional<Result<T>> got;

  Completion<T> completion() {
    return [this](Result<T> result) {
      FAIRLEAD_ASSERT(!got);
      got = std::move(result);
    };
  }
  bool is_ok() const { return got && got->has_value(); }
  /// nullopt while it has not run and when it brought no error.
  std::optional<Code> code() const {
    if (!got || got->has_value()) return std::nullopt;
    return got->error().code;
  }
};

inline constexpr protocol::DeviceRef kBoiler = 3;
inline constexpr protocol::DeviceKey kBoilerKey = 77;
inline constexpr protocol::DeviceRef kPump = 4;
inline constexpr protocol::DeviceKey kPumpKey = 78;

/// A service with everything around it played by hand. It knows the devices boiler and pump.
class World {
 public:
  explicit World(Limits limits = {}) : limits_(limits) { start(); }

  /// As a hub that was killed and starts again: only what is stored is left.
  void restart() {
    repository.lose_waiting();
    start();
  }

  SendRequest request(bool queue = true, bool connected = false) const {
    SendRequest request;
    request.device = kBoiler;
    request.device_key = kBoilerKey;
    request.tenant = "default";
    request.device_id = "boiler-7";
    request.body.device = "boiler-7";
    request.body.name = "set_target";
    request.body.params = R"({"celsius":21})";
    request.body.timeout_ms = 10'000;
    request.body.queue = queue;
    request.issued_by = "ops";
    request.sender = {.shard = 1, .connection = "c-1"};
    request.home_hash = 0xABCDE;
    request.is_device_connected = connected;
    return request;
  }
  /// Sends and commits; the command's id.
  std::string send(SendRequest what) {
    Answer<Sent> answer;
    service().send(std::move(what), capabilities, answer.completion());
    repository.commit_all();
    return answer.is_ok() ? answer.got->value().command : std::string();
  }
  std::string send() { return send(request()); }
  void connect(protocol::DeviceRef device = kBoiler) { service().device_connected(device); }
  /// Sent, delivered to a connected device, and written down as such.
  std::string deliver() {
    const std::string id = send(request(true, true));
    written(id);
    repository.commit_all();
    return id;
  }
  /// The kernel took its frame, long enough ago for that to be written down.
  void written(const std::string& id, protocol::DeviceRef device = kBoiler) {
    service().written(device, id);
    pass(5);
  }
  void pass(std::int64_t ms) {
    clock.now += ms;
    service().fire(clock.now);
  }
  const Command& stored(const std::string& id) const { return repository.stored.at(id); }
  Service& service() { return *service_; }

  HandClock clock;
  HandRepository repository;
  RecordingLink link;
  RecordingSink sink;
  SeededRandom random{1};
  protocol::Capabilities capabilities;

 private:
  void start() {
    service_.emplace(repository, link, sink, clock, random, limits_);
    service_->know(kBoiler, kBoilerKey);
    service_->know(kPump, kPumpKey);
    for (const auto& [id, command] : repository.stored) {
      if (is_final(command.state)) continue;
      service_->restore(command.device_key == kBoilerKey ? kBoiler : kPump, command);
    }
  }

  Limits limits_;
  std::optional<Service> service_;
};

inline protocol::CommandResult executed(const std::string& id,
                                        std::optional<std::string> result = std::nullopt) {
  return {.command = id, .executed = true, .result = std::move(result), .error = std::nullopt};
}

inline protocol::CommandResult failed(const std::string& id, std::string error) {
  return {.command = id, .executed = false, .result = std::nullopt, .error = std::move(error)};
}

}  // namespace fairlead::commands::testing
