#include "hub/session.h"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "hub/connections.h"
#include "support/hand_clock.h"

namespace fairlead::hub {
namespace {

/// What the session did to its socket, kept beyond the transport's life.
struct Wire {
  std::vector<std::string> sent;
  std::optional<std::uint16_t> closed;
  int pings = 0;
  bool is_paused = false;
  std::size_t kept = 0;
  std::uint64_t queued = 0;
  std::uint64_t position = 0;
  std::uint64_t written = 0;
};

class FakeTransport final : public net::Transport {
 public:
  explicit FakeTransport(Wire& wire) : wire_(wire) {}
  std::uint64_t send(SharedFrame frame) override {
    frame->for_each_payload([&](std::string_view each) { send(frame->kind(), each); });
    return wire_.position;
  }
  std::uint64_t send(MessageKind kind, std::string_view payload) override {
    wire_.sent.emplace_back(payload);
    wire_.position += FrameHeader(kind, payload.size()).bytes().size() + payload.size();
    return wire_.position;
  }
  void ping() override { ++wire_.pings; }
  void close(std::uint16_t code, std::string_view) override { wire_.closed = code; }
  void terminate() override {}
  void pause_reading() override { wire_.is_paused = true; }
  void resume_reading() override { wire_.is_paused = false; }
  void set_kept_bytes(std::size_t bytes) override { wire_.kept = bytes; }
  std::uint64_t queued_bytes() const override { return wire_.queued; }
  std::uint64_t written() const override { return wire_.written; }
  void hand_over(std::move_only_function<void(std::unique_ptr<net::Transport>)>) override {}

 private:
  Wire& wire_;
};

class Fixture : public SessionOwner {
 public:
  Fixture() {
    settings.messages_per_second = 10;
    settings.burst = 50;
    Arrival arrival{.transport = std::make_unique<FakeTransport>(wire),
                    .info = {.ulid = Ulid(0, 0, 1), .remote = "test"},
                    .principal = std::nullopt,
                    .auth_id = {}};
    session = std::make_unique<Session>(1, std::move(arrival), ports);
  }

  std::optional<OverRate> charge(Session& who, std::size_t bytes) override {
    const RateLimit limit = settings.connection_rate();
    const std::int64_t wait = who.meter().wait_ms(limit, bytes, clock.steady_ms());
    if (wait > 0) return OverRate{.error = over_rate(limit, "this connection", wait)};
    who.meter().take(limit, bytes, clock.steady_ms());
    return std::nullopt;
  }
  void handle(Session&, protocol::RequestId id, protocol::Request request) override {
    tickets.push_back(session->take_ticket(std::move(id)));
    static_cast<void>(request);
  }
  void refused(const protocol::BadRequest&) override {}
  void ended(Session&) override { ++ends; }
  void closed(Session&) override { is_closed = true; }
  void command_written(Session&, const std::string& command) override {
    commands.push_back(command);
  }
  void has_room(Session&) override { ++rooms; }
  void arm(Session&, std::int64_t) override {}
  bool is_reading_held() const override { return is_held; }

  void open() {
    session->set_principal({.kind = auth::Kind::kClient, .tenant = "t", .subject = "app"});
    session->begin_opening();
    session->open("welcome");
    wire.sent.clear();
  }
  void say(std::string text, MessageKind kind = MessageKind::kText) {
    const std::size_t size = text.size();
    text.append(64, '\0');
    session->on_message(kind, std::string_view(text).substr(0, size));
  }
  /// One well-formed request; the owner holds its ticket.
  void request(int id) { say(R"({"type":"heartbeat","id":)" + std::to_string(id) + "}"); }
  bool was_told(std::string_view part) const {
    return !wire.sent.empty() && wire.sent.back().find(part) != std::string::npos;
  }

  support::HandClock clock;
  Settings settings;
  protocol::Parser parser;
  Encoder encoder;
  const SessionPorts ports{parser, encoder, *this, clock, settings};
  Wire wire;
  std::vector<ReplyRing::Ticket> tickets;
  std::vector<std::string> commands;
  int ends = 0;
  int rooms = 0;
  bool is_closed = false;
  bool is_held = false;
  std::unique_ptr<Session> session;
};

const Error kInvalid{.code = Code::kInvalid, .message = "x: wrong"};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "without an auth in time the connection ends with 4401 and is told why") {
  CHECK(session->fire(clock.steady_ms()) == clock.steady_ms() + settings.auth_timeout_ms);
  clock.advance(settings.auth_timeout_ms);
  session->fire(clock.steady_ms());
  CHECK(was_told(R"("code":"unauthenticated")"));
  CHECK(wire.closed == 4401);
  CHECK(ends == 1);
}

TEST_CASE_FIXTURE(Fixture, "nothing is read between the principal and the welcome") {
  session->set_principal({.kind = auth::Kind::kDevice, .tenant = "t", .subject = "d"});
  session->begin_opening();
  CHECK(wire.is_paused);
  session->open("welcome");
  CHECK_FALSE(wire.is_paused);
}

TEST_CASE_FIXTURE(Fixture, "the ack of the auth follows the welcome, or its error tells the end") {
  session->answer_when_open(session->take_ticket({.json = "7"}));
  SUBCASE("welcome") {
    session->begin_opening();
    session->open("welcome");
    REQUIRE(wire.sent.size() == 2);
    CHECK(wire.sent[0] == "welcome");
    CHECK(wire.sent[1] == R"({"type":"ack","id":7})");
  }
  SUBCASE("end") {
    const Error error{.code = Code::kForbidden, .message = "this device is disabled"};
    session->end(protocol::CloseCode::kForbidden, "device disabled", &error);
    CHECK(was_told(R"("id":7)"));
  }
}

TEST_CASE_FIXTURE(Fixture, "a frame of the other kind ends with 1003") {
  open();
  say("x", MessageKind::kBinary);
  CHECK(wire.closed == 1003);
}

TEST_CASE_FIXTURE(Fixture, "who breaks WebSocket's rules is told how before the close frame") {
  open();
  session->on_violation(1002, "frame is not masked");
  REQUIRE(wire.sent.size() == 1);
  CHECK(was_told(R"("code":"bad_message","message":"frame is not masked")"));
  session->on_closed({.code = 1002, .reason = "frame is not masked", .by_us = true});
  CHECK(session->cause().code == 1002);
  CHECK(session->cause().reason == "frame is not masked");
  CHECK(ends == 1);
}

TEST_CASE_FIXTURE(Fixture, "who sends too much is told the limit") {
  open();
  session->on_violation(1009, "message too big");
  CHECK(was_told(R"("code":"too_large")"));
  CHECK(was_told(R"("limit":65536)"));
}

TEST_CASE_FIXTURE(Fixture, "a violation before the auth is told, one behind the end is not") {
  session->on_violation(1007, "text is not UTF-8");
  CHECK(was_told(R"("code":"bad_message")"));
  wire.sent.clear();
  session->end(protocol::CloseCode::kReplaced, "replaced");
  session->on_violation(1002, "reserved opcode");
  CHECK(wire.sent.empty());
}

TEST_CASE_FIXTURE(Fixture, "answers leave in the order of requests") {
  open();
  request(1);
  request(2);
  session->answer_ok(tickets[1]);
  CHECK(wire.sent.empty());
  // What waits is told to who counts memory.
  CHECK(wire.kept == std::string_view(R"({"type":"ack","id":2})").size());
  session->answer_ok(tickets[0], [](protocol::JsonWriter& json) { json.member("n", 1); });
  CHECK(wire.kept == 0);
  REQUIRE(wire.sent.size() == 2);
  CHECK(wire.sent[0] == R"({"type":"ack","id":1,"n":1})");
  CHECK(wire.sent[1] == R"({"type":"ack","id":2})");
}

TEST_CASE_FIXTURE(Fixture, "a request without an id is answered only by an error") {
  open();
  say(R"({"type":"heartbeat"})");
  session->answer_ok(tickets[0]);
  CHECK(wire.sent.empty());
  say(R"({"type":"heartbeat"})");
  session->answer_error(tickets[1], kInvalid);
  CHECK(was_told(R"("type":"error")"));
}

TEST_CASE_FIXTURE(Fixture, "the twentieth bad message in a row is answered and ends with 4400") {
  open();
  for (int i = 0; i < 19; ++i) say("no json");
  CHECK_FALSE(wire.closed.has_value());
  SUBCASE("one more ends it") {
    say("no json");
    CHECK(wire.sent.size() == 20);
    CHECK(wire.closed == 4400);
  }
  SUBCASE("a request that is not refused ends the row") {
    request(1);
    session->answer_ok(tickets.back());
    for (int i = 0; i < 19; ++i) say("no json");
    CHECK_FALSE(wire.closed.has_value());
  }
  SUBCASE("other errors neither count nor end the row") {
    request(1);
    session->answer_error(tickets.back(), {.code = Code::kNotFound, .message = "nothing"});
    CHECK_FALSE(wire.closed.has_value());
    say("no json");
    CHECK(wire.closed == 4400);
  }
}

TEST_CASE_FIXTURE(Fixture,
                  "over its rate a message is not handled, and the error says when to come") {
  open();
  for (int i = 0; i < 50; ++i) request(i);
  CHECK(tickets.size() == 50);
  for (int i = 0; i < 50; ++i) {
    session->answer_ok(tickets[static_cast<std::size_t>(i)]);
  }
  request(50);
  CHECK(tickets.size() == 50);
  CHECK(was_told(R"("id":50,"code":"rate_limited")"));
  CHECK(was_told(R"("retry_after_ms":100)"));
  clock.advance(100);
  request(51);
  CHECK(tickets.size() == 51);
}

TEST_CASE_FIXTURE(Fixture, "ten seconds over the rate without a pause end with 4429") {
  open();
  for (int i = 0; i < 50; ++i) say(R"({"type":"heartbeat"})");
  for (const auto ticket : tickets) session->answer_ok(ticket);
  for (int tenth = 0; tenth <= 200 && !wire.closed; ++tenth) {
    say(R"({"type":"heartbeat"})");
    say(R"({"type":"heartbeat"})");
    for (; !tickets.empty(); tickets.pop_back()) session->answer_ok(tickets.back());
    clock.advance(100);
  }
  CHECK(wire.closed == 4429);
  CHECK(was_told("retry_after_ms"));
}

TEST_CASE_FIXTURE(Fixture, "two unanswered pings end with 4408, any frame is a sign of life") {
  open();
  clock.advance(settings.heartbeat_ms);
  session->fire(clock.steady_ms());
  CHECK(wire.pings == 1);
  session->on_sign_of_life();
  clock.advance(settings.heartbeat_ms);
  session->fire(clock.steady_ms());
  CHECK(wire.pings == 2);
  for (int i = 0; i < 2; ++i) {
    clock.advance(settings.heartbeat_ms);
    session->fire(clock.steady_ms());
  }
  CHECK(wire.pings == 3);
  CHECK(wire.closed == 4408);
  CHECK(session->cause().reason == "heartbeat timeout");
}

TEST_CASE_FIXTURE(Fixture, "an expiry is told a minute before, once, and then ends with 4401") {
  open();
  session->set_principal({.kind = auth::Kind::kClient,
                          .tenant = "t",
                          .subject = "app",
                          .expires_at_ms = clock.now_ms() + 120'000});
  session->fire(clock.steady_ms());
  CHECK(wire.sent.empty());
  clock.advance(60'000);
  session->on_sign_of_life();
  session->fire(clock.steady_ms());
  session->fire(clock.steady_ms());
  CHECK(wire.sent.size() == 1);
  CHECK(was_told("auth.expiring"));
  clock.advance(60'000);
  session->on_sign_of_life();
  session->fire(clock.steady_ms());
  CHECK(wire.closed == 4401);
}

TEST_CASE_FIXTURE(Fixture, "a token that lives no longer than a minute gets no notice") {
  open();
  session->set_principal({.kind = auth::Kind::kClient,
                          .tenant = "t",
                          .subject = "app",
                          .expires_at_ms = clock.now_ms() + 60'000});
  clock.advance(30'000);
  session->on_sign_of_life();
  session->fire(clock.steady_ms());
  CHECK(wire.sent.empty());
}

TEST_CASE_FIXTURE(Fixture, "while nobody is read, nobody is taken for dead") {
  open();
  is_held = true;
  for (int i = 0; i < 10; ++i) {
    clock.advance(settings.heartbeat_ms);
    session->fire(clock.steady_ms());
  }
  CHECK_FALSE(wire.closed.has_value());
  is_held = false;
  for (int i = 0; i < 3; ++i) {
    clock.advance(settings.heartbeat_ms);
    session->fire(clock.steady_ms());
  }
  CHECK(wire.closed == 4408);
}

TEST_CASE_FIXTURE(Fixture,
                  "while a subscription joins, events wait for its ack and follow it in order") {
  open();
  request(1);
  session->begin_join();
  session->tell_event("first");
  session->tell_event("second");
  CHECK(wire.sent.empty());
  CHECK(wire.kept > std::string_view("firstsecond").size());
  session->answer_ok(tickets[0], [](protocol::JsonWriter&) {}, true);
  REQUIRE(wire.sent.size() == 3);
  CHECK(wire.sent[1] == "first");
  CHECK(wire.kept == 0);
  session->tell_event("third");
  CHECK(wire.sent.back() == "third");
}

TEST_CASE_FIXTURE(Fixture, "a command counts as written when the kernel took its last byte") {
  open();
  session->deliver_command(make_frame(MessageKind::kText, "one"), "k-1");
  const std::uint64_t first = wire.position;
  session->deliver_command(make_frame(MessageKind::kText, "two"), "k-2");
  wire.written = first - 1;
  session->on_written();
  CHECK(commands.empty());
  wire.written = first;
  session->on_written();
  CHECK(commands == std::vector<std::string>{"k-1"});
}

TEST_CASE_FIXTURE(Fixture, "the first cause of an end wins and is booked once") {
  open();
  session->end(protocol::CloseCode::kReplaced, "replaced");
  session->end(protocol::CloseCode::kInternal, "later");
  session->on_closed({.code = 1000, .reason = "bye", .by_us = false});
  CHECK(ends == 1);
  CHECK(is_closed);
  CHECK(session->cause().code == 4409);
}

TEST_CASE_FIXTURE(Fixture, "an end of the peer's has its reason, or says what there is") {
  open();
  SUBCASE("its own") {
    session->on_closed({.code = 1001, .reason = "going home", .by_us = false});
    CHECK(session->cause().reason == "going home");
  }
  SUBCASE("none") {
    session->on_closed({.code = 1000, .reason = "", .by_us = false});
    CHECK(session->cause().reason == "closed with 1000");
  }
  SUBCASE("lost") {
    session->on_closed({.code = 1006, .reason = "", .by_us = false});
    CHECK(session->cause().reason == "connection lost");
  }
}

TEST_CASE_FIXTURE(Fixture, "one that does not read what must not be dropped ends with 4410") {
  open();
  wire.queued = settings.outbox_bytes;
  session->tell_event("x");
  CHECK(wire.closed == 4410);
}

TEST_CASE_FIXTURE(Fixture, "one that the hub has no memory for is told, and when to come back") {
  open();
  session->on_memory_short();
  CHECK(was_told("error"));
  CHECK(wire.sent.back().find("overloaded") != std::string::npos);
  CHECK(wire.sent.back().find("retry_after_ms") != std::string::npos);
  CHECK(wire.closed == 1013);
}

TEST_CASE_FIXTURE(Fixture, "a place that is given again is another session's, and lists go by id") {
  Connections connections;
  const auto add = [&](std::uint64_t id) {
    Arrival arrival{.transport = std::make_unique<FakeTransport>(wire),
                    .info = {.ulid = Ulid(0, 0, id), .remote = "test"},
                    .principal = std::nullopt,
                    .auth_id = {}};
    return connections
        .add(std::make_unique<Session>(connections.next_number(), std::move(arrival), ports))
        .number();
  };
  const SessionNumber first = add(3);
  const SessionNumber second = add(1);
  CHECK(first != 0);
  CHECK(connections.find(first)->number() == first);
  connections.erase(first);
  CHECK(connections.find(first) == nullptr);
  const SessionNumber third = add(2);
  CHECK(third != first);
  CHECK(connections.find(first) == nullptr);
  CHECK(connections.size() == 2);
  std::vector<SessionNumber> listed;
  const auto list = [&listed](const Session& visited) {
    listed.push_back(visited.number());
    return true;
  };
  connections.each("", list);
  CHECK(listed == std::vector{second, third});
  listed.clear();
  connections.each(Ulid(0, 0, 1).text('c'), list);
  CHECK(listed == std::vector{third});
  CHECK(connections.find(Ulid(0, 0, 2).text('c'))->number() == third);
  CHECK(connections.find("c-none") == nullptr);
}

}  // namespace fairlead::hub
