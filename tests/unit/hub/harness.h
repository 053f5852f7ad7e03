#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/key.h"
#include "auth/keys.h"
#include "auth/mint.h"
#include "auth/verifier.h"
#include "base/random.h"
#include "hub/shard.h"
#include "store/memory/backend.h"
#include "store/memory/simulated_store.h"
#include "support/hand_clock.h"
#include "support/json.h"
#include "support/tenant_meters.h"

namespace fairlead::hub {

/// One connection as both of its ends see it.
struct Line {
  std::vector<support::Json> received;
  std::optional<std::uint16_t> closed;
  std::string reason;
  bool is_paused = false;
  /// The answer to its handshake waits for the first message.
  bool is_held_back = false;
  /// Answers pings.
  bool is_alive = true;
  std::uint64_t position = 0;
  std::uint64_t position_told = 0;
  /// What the peer has not read, as far as the hub can tell.
  std::uint64_t queued_bytes = 0;
  /// Frames that came by reference, each with one message or more.
  int shared_frames = 0;
  bool is_over = false;
  std::size_t shard = 0;
  net::MessageHandler* handler = nullptr;
  std::move_only_function<void(std::unique_ptr<net::Transport>)> taker;

  const support::Json& last() const {
    static const support::Json nothing;
    return received.empty() ? nothing : received.back();
  }
  /// Everything since the last call.
  std::vector<support::Json> take() { return std::exchange(received, {}); }
  /// The types and ids of what was received, such as "ack 1".
  std::vector<std::string> headlines() const {
    std::vector<std::string> lines;
    for (const support::Json& message : received) {
      std::string line = message["type"].as_string();
      if (message["id"].exists()) line += " " + message["id"].dump();
      lines.push_back(std::move(line));
    }
    return lines;
  }
};

/// The hub's end of a line: the kernel takes everything at once.
class LineTransport final : public net::Transport {
 public:
  explicit LineTransport(std::shared_ptr<Line> line) : line_(std::move(line)) {}
  ~LineTransport() override {
    if (!is_given_) line_->handler = nullptr;
  }

  std::uint64_t send(SharedFrame frame) override {
    ++line_->shared_frames;
    frame->for_each_payload([&](std::string_view each) { send(frame->kind(), each); });
    return line_->position;
  }
  std::uint64_t send(MessageKind kind, std::string_view payload) override {
    if (line_->closed) return line_->position;
    line_->received.push_back(support::Json::parse(payload));
    return line_->position += FrameHeader(kind, payload.size()).bytes().size() + payload.size();
  }
  void hold_back() override { line_->is_held_back = true; }
  void ping() override {
    if (line_->is_alive) line_->handler->on_sign_of_life();
  }
  void close(std::uint16_t code, std::string_view reason) override {
    if (line_->closed) return;
    line_->closed = code;
    line_->reason = reason;
  }
  void terminate() override {}
  void pause_reading() override { line_->is_paused = true; }
  void resume_reading() override { line_->is_paused = false; }
  std::uint64_t queued_bytes() const override { return line_->queued_bytes; }
  std::uint64_t written() const override { return line_->position; }
  void hand_over(std::move_only_function<void(std::unique_ptr<net::Transport>)> taker) override {
    is_given_ = true;
    line_->taker = std::move(taker);
  }
  void attach_to(net::MessageHandler& handler, std::size_t shard) {
    line_->handler = &handler;
    line_->shard = shard;
  }

 private:
  std::shared_ptr<Line> line_;
  bool is_given_ = false;
};

/// Shards as in production, with mail, time and commits moved by hand.
class Harness final : private Peers, private Backpressure {
 public:
  explicit Harness(std::size_t count = 1, const Settings& of_hub = {},
                   auth::KeySource* key_source = nullptr)
      : settings(of_hub), key_source_(key_source) {
    keys_ = std::make_shared<const auth::KeySet>(secret_key());
    boxes_.resize(count);
    start();
  }

  /// The process dies and starts again: every line is cut, what was not committed is gone.
  void restart() {
    places_.clear();
    for (auto& box : boxes_) box.clear();
    untold_.clear();
    lines_.clear();
    store_.crash();
    start();
  }

  Shard& shard(std::size_t index = 0) { return *places_[index]->shard; }
  bool is_reading_held(std::size_t index = 0) const { return places_[index]->host.is_reading_held; }
  store::memory::Backend& disk() { return disk_; }

  /// Somebody who has not said who it is.
  std::shared_ptr<Line> connect(std::size_t index = 0) { return arrive(index, std::nullopt); }
  /// A device, welcome.
  std::shared_ptr<Line> device(const std::string& id) {
    auto line = arrive(shard().home_of("t", id),
                       auth::Principal{.kind = auth::Kind::kDevice, .tenant = "t", .subject = id});
    commit();
    return line;
  }
  std::shared_ptr<Line> client(auth::Scopes scopes = auth::Scopes::all(), std::size_t index = 0,
                               const std::string& subject = "app") {
    auto line = arrive(index, auth::Principal{.kind = auth::Kind::kClient,
                                              .tenant = "t",
                                              .subject = subject,
                                              .scopes = scopes,
                                              .all_devices = true});
    commit();
    return line;
  }
  /// A client whose token has that `jti`.
  std::shared_ptr<Line> client_with(const std::string& jti) {
    return arrive(0, auth::Principal{.kind = auth::Kind::kClient,
                                     .tenant = "t",
                                     .subject = "app",
                                     .all_devices = true,
                                     .jti = jti});
  }
  /// A client that may touch these only.
  std::shared_ptr<Line> client_of(std::vector<std::string> devices) {
    auto line = arrive(0, auth::Principal{.kind = auth::Kind::kClient,
                                          .tenant = "t",
                                          .subject = "app",
                                          .scopes = auth::Scopes::all(),
                                          .devices = std::move(devices)});
    commit();
    return line;
  }
  std::string token(std::string subject, std::string kind, std::string scope = "") const {
    return auth::mint_hs256(kSecret, {.sub = std::move(subject),
                                      .kind = std::move(kind),
                                      .tenant = "t",
                                      .scope = std::move(scope),
                                      .expires_at_ms = clock.now_ms() + 3'600'000});
  }

  /// One message; whatever follows from it without a commit happens.
  void say(Line& line, std::string text) {
    const std::size_t size = text.size();
    // What on_message promises: 64 readable bytes behind the view.
    text.append(64, '\0');
    if (line.handler == nullptr || line.closed) return;
    line.handler->on_sign_of_life();
    line.handler->on_message(MessageKind::kText, std::string_view(text).substr(0, size));
    shard(line.shard).end_turn();
    run();
  }
  /// Says it and commits; the last thing received.
  const support::Json& ask(Line& line, std::string text) {
    say(line, std::move(text));
    commit();
    return line.last();
  }
  /// The peer has read everything.
  void catch_up(Line& line) {
    line.queued_bytes = 0;
    if (line.handler == nullptr) return;
    line.handler->on_written();
    shard(line.shard).end_turn();
    commit();
  }
  void hang_up(Line& line) {
    if (line.handler == nullptr) return;
    line.is_over = true;
    line.handler->on_closed({.code = 1000, .reason = "bye", .by_us = false});
    shard(line.shard).end_turn();
    run();
  }

  void run() {
    while (run_mail() || run_lines()) {
    }
  }
  void commit() {
    run();
    while (store_.step_writer() || store_.step_reader()) run();
  }
  /// The disk has what was written, but no shard was told yet.
  void commit_untold() {
    run();
    is_untold_ = true;
    while (store_.step_writer()) {
    }
    is_untold_ = false;
  }
  void tell_commits() {
    for (auto& [index, letter] : std::exchange(untold_, {})) {
      boxes_[index].push_back(std::move(letter));
    }
    run();
  }
  /// Queries only.
  void read() {
    run();
    while (store_.step_reader()) run();
  }
  void advance(std::int64_t ms) {
    for (std::int64_t left = ms; left > 0;) {
      const std::int64_t step = std::min<std::int64_t>(left, kStepMs);
      clock.advance(step);
      left -= step;
      for (const auto& place : places_) {
        place->shard->fire_timers();
        place->shard->end_turn();
      }
      run();
    }
  }

  /// Lets time pass as a thread does that steps a shard when it says so, and not between. Returns
  /// how many steps that were.
  int sleep(std::int64_t ms) {
    int steps = 0;
    const std::int64_t end = clock.steady_ms() + ms;
    for (std::int64_t due = next_due_ms(); due <= end; due = next_due_ms()) {
      REQUIRE(++steps < 10'000);
      clock.advance(due - clock.steady_ms());
      for (const auto& place : places_) {
        if (place->shard->next_due_ms() > clock.steady_ms()) continue;
        place->shard->fire_timers();
        place->shard->end_turn();
      }
      commit();
    }
    clock.advance(end - clock.steady_ms());
    return steps;
  }

  support::HandClock clock;
  const Settings settings;
  bool is_congested_now = false;

  static constexpr std::string_view kSecret = "0123456789abcdef0123456789abcdef";

 private:
  using Letter = std::move_only_function<void()>;

  static constexpr std::int64_t kStepMs = 10;

  struct Host final : net::TransportHost {
    explicit Host(std::size_t of_shard) : index(of_shard) {}
    void attach(net::Transport& transport, net::MessageHandler& handler) override {
      dynamic_cast<LineTransport&>(transport).attach_to(handler, index);
    }
    void hold_reading(bool is_held) override { is_reading_held = is_held; }
    std::size_t index;
    bool is_reading_held = false;
  };
  struct Place {
    explicit Place(std::size_t index) : host(index) {}
    Host host;
    std::unique_ptr<store::ShardStore> repositories;
    std::unique_ptr<auth::Verifier> verifier;
    std::unique_ptr<Shard> shard;
  };

  static std::vector<auth::Key> secret_key() {
    std::vector<auth::Key> keys;
    keys.push_back(auth::Key::from_secret(auth::Algorithm::kHs256, std::string(kSecret)).value());
    return keys;
  }

  std::int64_t next_due_ms() const {
    std::int64_t due = std::numeric_limits<std::int64_t>::max();
    for (const auto& place : places_) due = std::min(due, place->shard->next_due_ms());
    return due;
  }

  void start() {
    auto loaded = store_.load();
    REQUIRE(loaded);
    for (std::size_t index = 0; index < boxes_.size(); ++index) {
      places_.push_back(make_place(index, boxes_.size(), loaded->last_key));
    }
    for (store::LoadedDevice& each : loaded->devices) {
      Shard& home = shard(shard().home_of(each.device.tenant, each.device.id));
      home.home().restore(std::move(each.device), std::move(each.progress), std::move(each.latest));
    }
    for (const commands::Command& command : loaded->unfinished) {
      shard(shard().home_of(command.tenant, command.device)).home().restore(command);
    }
    for (DurableSubscription& kept : loaded->subscriptions) {
      Shard& home = shard(shard().home_of(kept.tenant, kept.subject));
      home.durables().restore(std::move(kept));
    }
  }

  std::unique_ptr<Place> make_place(std::size_t index, std::size_t count,
                                    protocol::DeviceKey last_key) {
    auto place = std::make_unique<Place>(index);
    place->repositories = store_.attach([this, index](Letter letter) {
      if (is_untold_) {
        untold_.emplace_back(index, std::move(letter));
      } else {
        boxes_[index].push_back(std::move(letter));
      }
    });
    place->verifier = std::make_unique<auth::Verifier>(keys_, auth::TokenPolicy(), clock);
    auto& store = *place->repositories;
    Peers& peers = *this;
    Backpressure& backpressure = *this;
    place->shard = std::make_unique<Shard>(
        index, settings,
        Ports{clock, random_, peers, backpressure, place->host, *place->verifier, store, store,
              store, store, store, store, key_source_},
        devices::KeySeries{.first = last_key + static_cast<protocol::DeviceKey>(index) + 1,
                           .step = static_cast<protocol::DeviceKey>(count)});
    return place;
  }

  std::shared_ptr<Line> arrive(std::size_t index, std::optional<auth::Principal> principal) {
    auto line = std::make_shared<Line>();
    lines_.push_back(line);
    Arrival arrival{.transport = std::make_unique<LineTransport>(line),
                    .info = {.ulid = Ulid(0, 0, lines_.size()),
                             .remote = "test",
                             .connected_at = clock.now_ms()},
                    .principal = std::move(principal),
                    .auth_id = {}};
    shard(index).adopt(std::move(arrival));
    shard(index).end_turn();
    run();
    return line;
  }

  bool run_mail() {
    bool is_done = false;
    for (std::size_t index = 0; index < boxes_.size(); ++index) {
      while (!boxes_[index].empty()) {
        auto letter = std::move(boxes_[index].front());
        boxes_[index].pop_front();
        letter();
        shard(index).end_turn();
        is_done = true;
      }
    }
    return is_done;
  }

  bool run_lines() {
    bool is_done = false;
    // A taker may make new lines' ends, never new lines.
    for (const auto& line : lines_) is_done = run_line(line) || is_done;
    return is_done;
  }
  bool run_line(const std::shared_ptr<Line>& line) {
    if (line->taker) {
      auto taker = std::exchange(line->taker, nullptr);
      line->handler = nullptr;
      taker(std::make_unique<LineTransport>(line));
      return true;
    }
    if (line->handler == nullptr || line->is_over) return false;
    if (line->position_told < line->position) {
      line->position_told = line->position;
      line->handler->on_written();
      shard(line->shard).end_turn();
      return true;
    }
    if (!line->closed) return false;
    line->is_over = true;
    line->handler->on_closed({.code = *line->closed, .reason = line->reason, .by_us = true});
    shard(line->shard).end_turn();
    return true;
  }

  // Peers, Backpressure
  std::size_t count() const override { return boxes_.size(); }
  void post(std::size_t index, Task task) override {
    boxes_[index].emplace_back(
        [this, index, task = std::move(task)]() mutable { task(shard(index)); });
  }
  void deliver(std::size_t index, Event event, Recipients recipients) override {
    post(index, [event = std::move(event), recipients = std::move(recipients)](Shard& there) {
      there.deliver(event, *recipients);
    });
  }
  bool is_any_full() const override { return false; }
  SharedMeter* tenant_meter(const std::string& tenant) override { return tenants_.of(tenant); }
  bool is_congested() const override { return is_congested_now; }

  auth::KeySource* const key_source_;
  support::TenantMeters tenants_{settings.tenant_rate()};
  store::memory::Backend disk_;
  store::memory::SimulatedStore store_{disk_, clock};
  SeededRandom random_{7};
  std::shared_ptr<const auth::KeySet> keys_;
  std::vector<std::deque<Letter>> boxes_;
  std::vector<std::pair<std::size_t, Letter>> untold_;
  bool is_untold_ = false;
  std::vector<std::shared_ptr<Line>> lines_;
  std::vector<std::unique_ptr<Place>> places_;
};

}  // namespace fairlead::hub
