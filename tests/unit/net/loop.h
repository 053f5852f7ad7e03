#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "net/exchange.h"
#include "net/reactor.h"
#include "net/sender.h"
#include "net/socket.h"
#include "net/transport.h"

namespace fairlead::net::test {

/// Moved by the test.
class HandClock final : public Clock {
 public:
  std::int64_t now_ms() const override { return 784'887'151'000 + at_ms; }
  std::int64_t steady_ms() const override { return at_ms; }
  std::int64_t at_ms = 1'000'000;
};

/// The other end of a socket, driven by the test: what came so far, and whether the end did.
class Peer {
 public:
  explicit Peer(Socket socket) : socket_(std::move(socket)) {}
  /// As much as the kernel takes.
  std::size_t send(std::string_view bytes);
  void pump();
  void finish_sending() { socket_.finish_sending(); }
  void drop() { socket_.close(); }
  bool has(std::string_view text) const { return received.find(text) != std::string::npos; }

  std::string received;
  bool is_reading = true;
  bool is_at_end = false;

 private:
  Socket socket_;
};

/// Answers with `answer`, which a test replaces.
class TestHandler final : public RequestHandler {
 public:
  void on_request(HttpRequest request, std::unique_ptr<Exchange> exchange) override {
    requests.push_back(request.method + " " + request.path);
    answer(std::move(request), std::move(exchange));
  }
  std::vector<std::string> requests;
  std::function<void(HttpRequest, std::unique_ptr<Exchange>)> answer =
      [](const HttpRequest& request, const std::unique_ptr<Exchange>& exchange) {
        exchange->respond({.status = 200, .headers = {}, .body = request.path});
      };
};

/// Owns a WebSocket, writes down what it hears, and does what the test hooks in.
class TestSession final : public MessageHandler {
 public:
  void on_message(MessageKind kind, std::string_view payload) override {
    events.push_back((kind == MessageKind::kText ? "text:" : "binary:") + std::string(payload));
    if (message_hook) message_hook(kind, payload);
  }
  void on_sign_of_life() override { ++signs_of_life; }
  void on_violation(std::uint16_t code, std::string_view reason) override {
    events.push_back("violation:" + std::to_string(code) + ":" + std::string(reason));
    if (violation_hook) violation_hook();
  }
  void on_written() override { ++flushes; }
  void on_closed(const CloseInfo& info) override {
    events.push_back("closed:" + std::to_string(info.code) + ":" + info.reason +
                     (info.by_us ? ":us" : ":them"));
    if (closed_hook) closed_hook();
  }

  std::unique_ptr<Transport> transport;
  std::vector<std::string> events;
  int signs_of_life = 0;
  int flushes = 0;
  std::function<void(MessageKind, std::string_view)> message_hook;
  std::function<void()> violation_hook;
  std::function<void()> closed_hook;
};

/// A reactor stepped by hand, with a server on it that upgrades every handshake to `session`.
class Loop {
 public:
  explicit Loop(const ReactorOptions& options = {});
  /// A connected pair: one end is served by the reactor, the other is the test's.
  Peer connect();
  /// connect() and a handshake; the answer is taken off the peer.
  Peer open_websocket(std::string_view more = "");
  /// Turns until `done`, pumping `peers`; fails the test when it takes too long.
  void until(const std::function<bool()>& done, std::vector<Peer*> peers = {});
  /// Some turns in which everything that can happen without new input happens.
  void settle(std::vector<Peer*> peers = {});

  HandClock clock;
  TestHandler handler;
  TestSession session;
  Reactor reactor;
  std::size_t max_message_bytes = 1 << 20;
};

/// What FAIRLEAD_TEST_IO asks for (`epoll`, unless it is `uring`): the same tests run on both.
std::unique_ptr<Sender> make_sender();

/// A connected, non-blocking pair of sockets.
std::pair<Socket, Socket> socket_pair();

inline constexpr std::string_view kHandshake =
    "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// A masked text frame.
std::string text(std::string_view payload);
/// Any masked frame.
std::string frame(unsigned first, std::string_view payload);

}  // namespace fairlead::net::test
