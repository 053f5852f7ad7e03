// A fleet streams, an app watches and commands, and the hub is killed again and again meanwhile.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <thread>

#include "support/failure.h"
#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

constexpr int kDevices = 6;
constexpr int kKills = 4;
constexpr std::size_t kWindow = 5;

/// What all who take part know.
struct Story {
  HubProcess hub{{.settings = {"limits.messages_per_second=100000", "limits.burst=100000"}}};
  std::atomic<std::uint16_t> port = hub.port();
  std::atomic<std::int64_t> acked = 0;
  std::atomic<bool> is_over = false;

  std::string id(int number) const { return fmt::format("story-{}", number); }

  WsClient connect(const Token& token) const { return WsClient(port, {.token = hub.sign(token)}); }
};

void wait_a_little() { std::this_thread::sleep_for(Milliseconds{5}); }

Json sample(std::int64_t seq) {
  return obj("seq", seq, "ts", 1'700'000'000'000 + seq, "metrics",
             obj("n", seq, "wave", static_cast<double>(seq) / 7));
}

/// A device that numbers its samples, keeps some in flight, and goes on from `last_seq`.
class Device {
 public:
  Device(Story& story, int number) : story_(story), id_(story.id(number)) {}

  /// Returns how many samples it has sent, all of them acked.
  std::int64_t run() {
    while (!done_) {
      try {
        live();
      } catch (const Disconnected&) {
        if (story_.is_over) throw;
        wait_a_little();
      }
    }
    return acked_;
  }

  const std::map<std::string, int>& runs() const { return runs_; }

 private:
  struct Pending {
    std::int64_t id = 0;
    std::int64_t last_seq = 0;  // 0: no telemetry.
    std::int64_t samples = 0;
  };

  void live() {
    WsClient line = story_.connect(Token::device(id_));
    const Json welcome = line.expect("welcome");
    const std::int64_t stored = welcome["telemetry"]["last_seq"].as_int();
    // Nothing acked is lost, and nothing is stored that was never sent.
    if (stored < acked_ || stored > sent_) {
      throw Failure(
          fmt::format("{}: acked {}, sent {}, but {}", id_, acked_, sent_, welcome.dump()));
    }
    acknowledge(stored);
    pending_.clear();
    // It remembers badly and sends a few again that are stored.
    next_ = std::max<std::int64_t>(1, stored - 1);
    while (!story_.is_over || !pending_.empty()) {
      if (!story_.is_over && pending_.size() < kWindow) {
        stream(line);
      } else {
        hear(line);
      }
    }
    done_ = true;
  }

  void send(WsClient& line, const Json& message, Pending pending) {
    pending.id = ++last_id_;
    line.send(message.with("id", pending.id));
    pending_.push_back(pending);
  }

  void stream(WsClient& line) {
    if (next_ % 3 != 0) {
      send(line, sample(next_).with("type", "telemetry"),
           {.id = 0, .last_seq = next_, .samples = 1});
      next_ += 1;
    } else {
      const Json samples = arr(sample(next_), sample(next_ + 1), sample(next_ + 2));
      send(line, obj("type", "telemetry.batch", "samples", samples),
           {.id = 0, .last_seq = next_ + 2, .samples = 3});
      next_ += 3;
    }
    sent_ = std::max(sent_, next_ - 1);
  }

  void hear(WsClient& line) {
    const Json message = line.receive();
    if (message["type"] == "command") {
      obey(line, message);
      return;
    }
    const Pending expected = pending_.front();
    pending_.pop_front();
    const bool counts =
        expected.samples == 0 ||
        (message["accepted"].as_int() + message["duplicates"].as_int() == expected.samples &&
         message["last_seq"].as_int() == std::max(expected.last_seq, acked_));
    if (message["type"] != "ack" || message["id"] != expected.id || !counts) {
      throw Failure(fmt::format("{}: an ack of {} was due: {}", id_, expected.id, message.dump()));
    }
    acknowledge(expected.last_seq);
  }

  void acknowledge(std::int64_t seq) {
    if (seq <= acked_) return;
    story_.acked += seq - acked_;
    acked_ = seq;
  }

  // Runs each command once, however often it is delivered, and answers each time alike.
  void obey(WsClient& line, const Json& message) {
    const Json& key = message["command"];
    if (runs_[key.as_string()] == 0) {
      runs_[key.as_string()] = 1;
      if (message["params"]["accept"] == true) {
        send(line, obj("type", "command.accept", "command", key), {});
      }
    }
    send(line,
         obj("type", "command.result", "command", key, "status", "executed", "result",
             obj("runs", runs_[key.as_string()])),
         {});
  }

  Story& story_;
  std::string id_;
  std::int64_t next_ = 1;
  std::int64_t sent_ = 0;
  std::int64_t acked_ = 0;
  std::int64_t last_id_ = 0;
  bool done_ = false;
  std::deque<Pending> pending_;
  std::map<std::string, int> runs_;
};

/// An app that remembers the offset that it saw last of each device, and asks for what follows.
class Watcher {
 public:
  explicit Watcher(Story& story) : story_(story) {
    for (int i = 0; i < kDevices; ++i) seen_[story.id(i)] = 0;
    seen_[kLast] = 0;
  }

  /// The id of a device that sends one sample when all others have ended.
  static constexpr const char* kLast = "story-last";

  void run() {
    while (seen_[kLast] == 0 || !has_all()) {
      try {
        watch();
      } catch (const Disconnected&) {
        if (story_.is_over) throw;
        wait_a_little();
      }
    }
  }

  /// How many samples each device sent; to be told before the last device sends.
  std::promise<std::map<std::string, std::int64_t>> totals;

 private:
  bool has_all() {
    if (totals_.empty()) totals_ = totals.get_future().get();
    for (const auto& [id, total] : totals_) {
      if (seen_.at(id) < total) return false;
    }
    return true;
  }

  void watch() {
    WsClient line = story_.connect(Token::client("watcher").scope("telemetry:read"));
    line.expect("welcome");
    Json after = obj();
    for (const auto& [id, offset] : seen_) after = after.with(id, offset);
    line.ack(obj("type", "subscribe", "devices", arr("story-*"), "after", after));
    while (seen_[kLast] == 0 || !has_all()) {
      const Json event = line.expect("telemetry");
      const std::string& id = event["device"].as_string();
      const std::int64_t offset = ++seen_[id];
      // In these devices' stories the offset, the sequence number and the value are one.
      if (event["offset"] != offset || event["metrics"]["n"] != offset) {
        throw Failure(fmt::format("{} was due of {}, this came: {}", offset, id, event.dump()));
      }
    }
  }

  Story& story_;
  std::map<std::string, std::int64_t> seen_;
  std::map<std::string, std::int64_t> totals_;
};

/// Sends one command to each device; the same round again is the same commands.
void command_all(Story& story, int round, std::set<std::string>& commands) {
  for (int i = 0; i < kDevices; ++i) {
    const Json message =
        obj("type", "command.send", "device", story.id(i), "name", "turn", "params",
            obj("accept", i % 2 == 0), "timeout_ms", 3'600'000, "delivery", "queue",
            "idempotency_key", fmt::format("{}-{}", round, i));
    WsClient line = story.connect(Token::client("operator").may_do_all());
    line.expect("welcome");
    commands.insert(line.ack(message)["command"].as_string());
  }
}

void check_executed(Story& story, const std::set<std::string>& commands) {
  WsClient line = story.connect(Token::client("operator").may_do_all());
  line.expect("welcome");
  line.ack(obj("type", "subscribe", "devices", arr("story-*"), "events", arr("command")));
  for (const std::string& key : commands) {
    const Json get = obj("type", "command.get", "command", key);
    Json command = line.ack(get)["command"];
    if (command["status"] != "executed") {
      line.expect_until([&](const Json& update) {
        return update["command"] == key && update["status"] == "executed";
      });
      command = line.ack(get)["command"];
    }
    CHECK(command["status"] == "executed");
    CHECK(command["result"] == obj("runs", 1));
  }
}

/// Waits until so many more samples are acked than now.
void wait_for_acks(const Story& story, std::int64_t more) {
  const std::int64_t goal = story.acked + more;
  const Deadline deadline(Milliseconds{60'000});
  while (story.acked < goal) {
    if (deadline.passed()) {
      throw Failure(fmt::format("{} acks, {} were awaited", story.acked.load(), goal));
    }
    wait_a_little();
  }
}

void check_history(const Story& story, const std::string& id, std::int64_t total) {
  const auto rows = story.hub.http().list("/v1/devices/" + id + "/telemetry");
  CHECK(rows.size() == static_cast<std::size_t>(total));
  std::int64_t offset = 0;
  for (const Json& row : rows) {
    ++offset;
    const Json expected = sample(offset);
    if (row["offset"] != offset || row["ts"] != expected["ts"] ||
        row["metrics"] != expected["metrics"]) {
      FAIL(fmt::format("{}: {} was due, this is there: {}", id, expected.dump(), row.dump()));
    }
  }
}

}  // namespace

TEST_CASE("through kills nothing acked is lost or doubled, and who resumes sees each sample once") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  Story story;
  std::deque<Device> devices;
  std::vector<std::future<std::int64_t>> ends;
  Watcher watcher(story);
  auto watched = std::async(std::launch::async, [&] { watcher.run(); });
  for (int i = 0; i < kDevices; ++i) {
    devices.emplace_back(story, i);
    ends.push_back(
        std::async(std::launch::async, [&device = devices.back()] { return device.run(); }));
  }
  // However this ends, the threads end too.
  const std::shared_ptr<void> ending(nullptr, [&](auto) { story.is_over = true; });
  wait_for_acks(story, 100);
  std::set<std::string> commands;
  for (int kill = 0; kill < kKills; ++kill) {
    command_all(story, kill, commands);
    wait_for_acks(story, std::uniform_int_distribution<std::int64_t>(1, 600)(random));
    story.hub.restart();
    story.port = story.hub.port();
    const std::size_t before = commands.size();
    command_all(story, kill, commands);
    CHECK(commands.size() == before);
  }
  wait_for_acks(story, 300);
  check_executed(story, commands);

  story.is_over = true;
  std::map<std::string, std::int64_t> totals;
  for (int i = 0; i < kDevices; ++i) totals[story.id(i)] = ends[static_cast<std::size_t>(i)].get();
  watcher.totals.set_value(totals);
  WsClient last = story.hub.device(Watcher::kLast);
  last.ack(sample(1).with("type", "telemetry"));
  watched.get();
  for (const auto& [id, total] : totals) check_history(story, id, total);
  std::size_t obeyed = 0;
  for (const Device& device : devices) obeyed += device.runs().size();
  CHECK(obeyed == commands.size());
  CHECK(story.hub.stop() == 0);
}
