// The harness of this folder's tests, and the test that it works.
#include "loop.h"

#include <sys/socket.h>

#include <chrono>
#include <cstdlib>
#include <utility>

#include "net/uring_sender.h"
#include "net/websocket.h"

namespace fairlead::net::test {

std::pair<Socket, Socket> socket_pair() {
  int fds[2] = {-1, -1};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
  return {Socket(fds[0]), Socket(fds[1])};
}

std::string text(std::string_view payload) { return frame(0x81, payload); }

std::string frame(unsigned first, std::string_view payload) {
  std::string bytes = masked_frame(Opcode::kText, payload, 0x12345678);
  bytes[0] = static_cast<char>(first);
  return bytes;
}

std::size_t Peer::send(std::string_view bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    std::string rest(bytes.substr(sent));
    iovec piece{.iov_base = rest.data(), .iov_len = rest.size()};
    const IoResult result = socket_.send({&piece, 1});
    if (result.status != IoResult::Status::kOk) break;
    sent += result.bytes;
  }
  return sent;
}

void Peer::pump() {
  std::vector<char> buffer(64 * 1024);
  while (is_reading && !is_at_end && socket_.is_open()) {
    const IoResult result = socket_.receive(buffer);
    if (result.status == IoResult::Status::kBlocked) return;
    is_at_end = result.status != IoResult::Status::kOk;
    received.append(buffer.data(), result.bytes);
  }
}

std::unique_ptr<Sender> make_sender() {
  const char* const io = std::getenv("FAIRLEAD_TEST_IO");
  if (io == nullptr || std::string_view(io) != "uring") return std::make_unique<PlainSender>();
  // Most turns of these tests send to one peer only; that is to go through the ring as well.
  auto sender = UringSender::open({}, 1);
  if (sender) return std::move(*sender);
  MESSAGE("not tested with io_uring: ", sender.error().message);
  return std::make_unique<PlainSender>();
}

Loop::Loop(const ReactorOptions& options) : reactor(clock, options, make_sender()) {}

Peer Loop::connect() {
  auto [ours, theirs] = socket_pair();
  reactor.serve(std::move(ours), handler);
  return Peer(std::move(theirs));
}

Peer Loop::open_websocket(std::string_view more) {
  handler.answer = [this](const HttpRequest&, const std::unique_ptr<Exchange>& exchange) {
    exchange->upgrade("", max_message_bytes, [this](std::unique_ptr<Transport> transport) {
      session.transport = std::move(transport);
      reactor.attach(*session.transport, session);
    });
  };
  Peer peer = connect();
  peer.send(std::string(kHandshake) + std::string(more));
  until([&] { return peer.has("\r\n\r\n"); }, {&peer});
  peer.received.erase(0, peer.received.find("\r\n\r\n") + 4);
  return peer;
}

void Loop::until(const std::function<bool()>& done, std::vector<Peer*> peers) {
  using Steady = std::chrono::steady_clock;
  const auto deadline = Steady::now() + std::chrono::seconds(20);
  while (!done()) {
    REQUIRE(Steady::now() < deadline);
    reactor.run_turn(std::chrono::milliseconds(5));
    for (Peer* peer : peers) peer->pump();
  }
}

void Loop::settle(std::vector<Peer*> peers) {
  for (int i = 0; i < 20; ++i) {
    reactor.run_turn(std::chrono::milliseconds(0));
    for (Peer* peer : peers) peer->pump();
  }
}

}  // namespace fairlead::net::test

TEST_CASE("a request is answered through the reactor") {
  fairlead::net::test::Loop loop;
  auto peer = loop.connect();
  peer.send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
  loop.until([&] { return peer.has("/hello"); }, {&peer});
  CHECK(peer.received.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(peer.has("Date: Tue, 15 Nov 1994 08:29:11 GMT\r\n"));
}
