#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loop.h"

using namespace fairlead::net;
using fairlead::net::test::Loop;

namespace {

/// What a test keeps of a body: it answers when the test says so, or at once.
struct Tap {
  std::vector<BodySource::Completion> asked{};
  int pieces = 0;
  int left = 0;
  std::string piece{};
  bool answers_at_once = false;
  bool is_gone = false;
};

class TapSource final : public BodySource {
 public:
  explicit TapSource(Tap& tap) : tap_(tap) {}
  ~TapSource() override { tap_.is_gone = true; }
  void next(Completion done) override {
    ++tap_.pieces;
    if (!tap_.answers_at_once) return tap_.asked.push_back(std::move(done));
    --tap_.left;
    done(Piece{.bytes = tap_.piece, .is_last = tap_.left == 0});
  }

 private:
  Tap& tap_;
};

void stream_all(Loop& loop, Tap& tap) {
  loop.handler.answer = [&tap](const HttpRequest&, const std::unique_ptr<Exchange>& exchange) {
    exchange->stream({.status = 200, .headers = {{"X-Kind", "made"}}, .body = {}},
                     std::make_unique<TapSource>(tap));
  };
}

/// Waits until the source is asked, and answers.
void answer(Loop& loop, Tap& tap, test::Peer& peer, std::optional<BodySource::Piece> piece) {
  loop.until([&] { return !tap.asked.empty(); }, {&peer});
  BodySource::Completion done = std::move(tap.asked.back());
  tap.asked.pop_back();
  done(std::move(piece));
}

std::string get(std::string_view version = "1.1") {
  return "GET /made HTTP/" + std::string(version) + "\r\nHost: h\r\n\r\n";
}

}  // namespace

TEST_CASE("a body that is made piece by piece goes in chunks, and the next request is answered") {
  Loop loop;
  Tap tap;
  stream_all(loop, tap);
  auto peer = loop.connect();
  peer.send(get() + get());
  answer(loop, tap, peer, BodySource::Piece{.bytes = "hello "});
  // An empty piece is not the end.
  answer(loop, tap, peer, BodySource::Piece{});
  CHECK(loop.handler.requests.size() == 1);
  answer(loop, tap, peer, BodySource::Piece{.bytes = "sixteen bytes...", .is_last = true});
  loop.until([&] { return loop.handler.requests.size() == 2; }, {&peer});
  answer(loop, tap, peer, BodySource::Piece{.bytes = {}, .is_last = true});
  loop.until([&] { return peer.received.ends_with("\r\n\r\n0\r\n\r\n"); }, {&peer});
  CHECK(peer.has("X-Kind: made\r\n"));
  CHECK(peer.has("Transfer-Encoding: chunked\r\n"));
  CHECK_FALSE(peer.has("Content-Length"));
  CHECK(peer.has("\r\n\r\n6\r\nhello \r\n10\r\nsixteen bytes...\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"));
  CHECK_FALSE(peer.is_at_end);
}

TEST_CASE("in HTTP/1.0 the end of the connection is the end of the body") {
  Loop loop;
  Tap tap;
  stream_all(loop, tap);
  auto peer = loop.connect();
  peer.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  answer(loop, tap, peer, BodySource::Piece{.bytes = "one"});
  answer(loop, tap, peer, BodySource::Piece{.bytes = "two", .is_last = true});
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(peer.received.ends_with("\r\n\r\nonetwo"));
  CHECK(peer.has("Connection: close\r\n"));
  CHECK_FALSE(peer.has("Transfer-Encoding"));
}

TEST_CASE("HEAD makes no body") {
  Loop loop;
  Tap tap;
  stream_all(loop, tap);
  auto peer = loop.connect();
  peer.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  loop.until([&] { return peer.received.ends_with("\r\n\r\n"); }, {&peer});
  CHECK(peer.has("Transfer-Encoding: chunked\r\n"));
  CHECK(tap.pieces == 0);
  CHECK(tap.is_gone);
}

TEST_CASE("a body that cannot go on is cut, so that nobody takes it for whole") {
  for (const char* version : {"1.1", "1.0"}) {
    CAPTURE(version);
    Loop loop;
    Tap tap;
    stream_all(loop, tap);
    auto peer = loop.connect();
    peer.send(get(version));
    answer(loop, tap, peer, BodySource::Piece{.bytes = "begun"});
    loop.until([&] { return peer.has("begun"); }, {&peer});
    answer(loop, tap, peer, std::nullopt);
    loop.until([&] { return tap.is_gone; }, {&peer});
    CHECK(loop.reactor.connections() == 0);
    CHECK_FALSE(peer.has("0\r\n\r\n"));
  }
}

TEST_CASE("a peer that does not read asks for no more than a bound, and slows nobody") {
  Loop loop;
  Tap endless{.left = 1 << 30, .piece = std::string(10'000, 'p'), .answers_at_once = true};
  stream_all(loop, endless);
  auto slow = loop.connect();
  slow.is_reading = false;
  slow.send(get());
  loop.until([&] { return endless.pieces > 5; });
  int before = 0;
  do {
    before = endless.pieces;
    loop.settle();
  } while (endless.pieces != before);
  // What the kernel took is not ours.
  const std::uint64_t made = static_cast<std::uint64_t>(endless.pieces) * 10'000;
  CHECK(made - loop.reactor.counters().bytes_out < 100'000);
  Tap other{.left = 300, .piece = std::string(10'000, 'q'), .answers_at_once = true};
  stream_all(loop, other);
  auto fast = loop.connect();
  fast.send(get());
  loop.until([&] { return fast.received.ends_with("0\r\n\r\n"); }, {&fast});
  CHECK(fast.received.size() > 3'000'000);
  CHECK(endless.pieces == before);
  // Who reads again gets on.
  slow.is_reading = true;
  loop.until([&] { return endless.pieces > before + 100; }, {&slow});
}

TEST_CASE(
    "a peer that reads too slowly or goes away ends the source, though a piece is on its way") {
  for (const bool goes_away : {true, false}) {
    CAPTURE(goes_away);
    Loop loop;
    Tap tap;
    stream_all(loop, tap);
    auto peer = loop.connect();
    peer.is_reading = false;
    peer.send(get());
    if (goes_away) {
      loop.until([&] { return !tap.asked.empty(); });
      peer.drop();
    } else {
      answer(loop, tap, peer, BodySource::Piece{.bytes = std::string(8 << 20, 'p')});
      loop.settle();
      loop.clock.at_ms += 30'000;
    }
    loop.until([&] { return loop.reactor.connections() == 0; });
    CHECK(tap.is_gone);
    // Too late: nobody minds.
    for (auto& done : tap.asked) done(BodySource::Piece{.bytes = "late", .is_last = true});
    loop.settle();
  }
}

TEST_CASE("a source that waits for its piece has all the time it needs, and a drain waits for it") {
  Loop loop;
  Tap tap;
  stream_all(loop, tap);
  auto peer = loop.connect();
  peer.send(get());
  loop.until([&] { return !tap.asked.empty(); }, {&peer});
  loop.clock.at_ms += 300'000;
  loop.settle({&peer});
  loop.reactor.drain();
  CHECK(loop.reactor.owes_answers());
  answer(loop, tap, peer, BodySource::Piece{.bytes = "late", .is_last = true});
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(peer.received.ends_with("4\r\nlate\r\n0\r\n\r\n"));
}
