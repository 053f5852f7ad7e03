#include "net/http_connection.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "loop.h"

using namespace fairlead::net;
using fairlead::net::test::Loop;

namespace {

std::string get(std::string_view path, std::string_view lines = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n" + std::string(lines) + "\r\n";
}

/// Keeps each exchange for the test to answer.
struct Kept {
  explicit Kept(Loop& loop) {
    loop.handler.answer = [this](const HttpRequest&, std::unique_ptr<Exchange> exchange) {
      exchanges.push_back(std::move(exchange));
    };
  }
  std::vector<std::unique_ptr<Exchange>> exchanges;
};

}  // namespace

TEST_CASE("pipelined requests reach the handler one at a time and are answered in order") {
  Loop loop;
  Kept kept(loop);
  auto peer = loop.connect();
  peer.send(get("/a") + get("/b") + get("/c"));
  loop.until([&] { return kept.exchanges.size() == 1; });
  loop.settle();
  CHECK(loop.handler.requests == std::vector<std::string>{"GET /a"});
  for (std::size_t i = 0; i < 3; ++i) {
    loop.until([&] { return kept.exchanges.size() == i + 1; });
    kept.exchanges[i]->respond({.status = 200, .headers = {}, .body = "body" + std::to_string(i)});
  }
  loop.until([&] { return peer.has("body2"); }, {&peer});
  CHECK(peer.received.find("body0") < peer.received.find("body1"));
  CHECK(peer.received.find("body1") < peer.received.find("body2"));
}

TEST_CASE("hundreds of pipelined requests are answered without starving others") {
  Loop loop;
  auto flood = loop.connect();
  std::string requests;
  for (int i = 0; i < 500; ++i) requests += get("/flood");
  CHECK(flood.send(requests) == requests.size());
  loop.until([&] { return !loop.handler.requests.empty(); });
  auto other = loop.connect();
  other.send(get("/other"));
  loop.until([&] { return other.has("/other"); }, {&flood, &other});
  CHECK(loop.handler.requests.size() < 500);
  loop.until([&] { return loop.handler.requests.size() == 501; }, {&flood});
}

TEST_CASE("the answers of one turn leave in one write") {
  Loop loop;
  auto peer = loop.connect();
  peer.send(get("/a") + get("/b") + get("/c"));
  loop.until([&] { return peer.has("/c"); }, {&peer});
  CHECK(loop.reactor.counters().writes == 1);
}

TEST_CASE("HEAD gets the header alone") {
  Loop loop;
  auto peer = loop.connect();
  peer.send("HEAD /four HTTP/1.1\r\nHost: h\r\n\r\n" + get("/next"));
  loop.until([&] { return peer.has("/next"); }, {&peer});
  CHECK(peer.has("Content-Length: 5\r\n"));
  CHECK_FALSE(peer.has("/four"));
}

TEST_CASE("Connection: close is obeyed whoever says it") {
  Loop loop;
  auto asked = loop.connect();
  asked.send(get("/", "Connection: close\r\n"));
  loop.until([&] { return asked.is_at_end; }, {&asked});
  CHECK(asked.has("Connection: close\r\n"));

  loop.handler.answer = [](const HttpRequest&, const std::unique_ptr<Exchange>& exchange) {
    exchange->respond({.status = 200, .headers = {{"Connection", "close"}}, .body = ""});
  };
  auto told = loop.connect();
  told.send(get("/"));
  loop.until([&] { return told.is_at_end; }, {&told});
  CHECK(told.has("Connection: close\r\n"));
}

TEST_CASE("HTTP/1.0 closes unless it asks for more") {
  Loop loop;
  auto once = loop.connect();
  once.send("GET /once HTTP/1.0\r\n\r\n");
  loop.until([&] { return once.is_at_end; }, {&once});
  auto kept = loop.connect();
  kept.send("GET /kept HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  loop.until([&] { return kept.has("/kept"); }, {&kept});
  CHECK(kept.has("Connection: keep-alive\r\n"));
  kept.send("GET /again HTTP/1.0\r\n\r\n");
  loop.until([&] { return kept.has("/again") && kept.is_at_end; }, {&kept});
}

TEST_CASE("a refused request gets a problem document and the connection closes") {
  Loop loop;
  auto peer = loop.connect();
  peer.send("GET / HTTP/1.1\r\n\r\n" + get("/ignored"));
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(peer.received.starts_with("HTTP/1.1 400 Bad Request\r\n"));
  CHECK(peer.has("application/problem+json"));
  CHECK(peer.has("\"code\":\"bad_message\""));
  CHECK(loop.handler.requests.empty());
}

TEST_CASE("the answer to a refused request survives what the peer still sends") {
  Loop loop;
  auto peer = loop.connect();
  peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n");
  loop.until([&] { return loop.reactor.counters().writes == 1; });
  peer.send(std::string(100'000, 'x'));
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(peer.received.starts_with("HTTP/1.1 413 Content Too Large\r\n"));
  peer.finish_sending();
  loop.until([&] { return loop.reactor.connections() == 0; });
}

TEST_CASE("a malformed handshake is answered by the codec") {
  Loop loop;
  auto peer = loop.connect();
  std::string handshake(fairlead::net::test::kHandshake);
  handshake.replace(handshake.find("Version: 13"), 11, "Version: 12");
  peer.send(handshake);
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(peer.received.starts_with("HTTP/1.1 426 Upgrade Required\r\n"));
  CHECK(peer.has("Sec-WebSocket-Version: 13\r\n"));
  CHECK(loop.handler.requests.empty());
}

TEST_CASE("an expected body is asked for") {
  Loop loop;
  loop.handler.answer = [](const HttpRequest& request, const std::unique_ptr<Exchange>& exchange) {
    exchange->respond({.status = 200, .headers = {}, .body = "<" + request.body + ">"});
  };
  auto peer = loop.connect();
  peer.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  loop.until([&] { return peer.received == "HTTP/1.1 100 Continue\r\n\r\n"; }, {&peer});
  peer.send("body");
  loop.until([&] { return peer.has("<body>"); }, {&peer});
}

TEST_CASE("an exchange that is dropped answers 500") {
  Loop loop;
  loop.handler.answer = [](const HttpRequest&, const std::unique_ptr<Exchange>&) {};
  auto peer = loop.connect();
  peer.send(get("/") + get("/"));
  loop.until([&] { return loop.handler.requests.size() == 2; }, {&peer});
  loop.settle({&peer});
  CHECK(peer.received.starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
}

TEST_CASE("an answer after the peer has gone is dropped") {
  Loop loop;
  Kept kept(loop);
  auto peer = loop.connect();
  peer.send(get("/a"));
  loop.until([&] { return kept.exchanges.size() == 1; });
  peer.drop();
  loop.until([&] { return loop.reactor.connections() == 0; });
  kept.exchanges[0]->respond({.status = 200, .headers = {}, .body = ""});
  loop.settle();
}

TEST_CASE("an exchange may outlive the reactor") {
  std::unique_ptr<Exchange> exchange;
  {
    Loop loop;
    Kept kept(loop);
    auto peer = loop.connect();
    peer.send(get("/a"));
    loop.until([&] { return kept.exchanges.size() == 1; });
    exchange = std::move(kept.exchanges[0]);
  }
  exchange->respond({.status = 200, .headers = {}, .body = ""});
}

TEST_CASE("a peer that has finished sending still gets its answers") {
  Loop loop;
  Kept kept(loop);
  auto peer = loop.connect();
  peer.send(get("/a") + get("/b"));
  peer.finish_sending();
  loop.until([&] { return kept.exchanges.size() == 1; });
  kept.exchanges[0]->respond({.status = 200, .headers = {}, .body = "first"});
  loop.until([&] { return kept.exchanges.size() == 2; });
  kept.exchanges[1]->respond({.status = 200, .headers = {}, .body = "second"});
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(peer.has("first"));
  CHECK(peer.has("second"));
}

TEST_CASE("a body larger than the kernel's buffers arrives whole") {
  Loop loop;
  const std::string body(8 << 20, 'b');
  loop.handler.answer = [&](const HttpRequest&, const std::unique_ptr<Exchange>& exchange) {
    exchange->respond({.status = 200, .headers = {}, .body = body});
  };
  auto peer = loop.connect();
  peer.send(get("/"));
  loop.until([&] { return peer.received.size() > body.size(); }, {&peer});
  CHECK(peer.received.ends_with(body));
}

TEST_CASE("a large chunked upload arrives whole") {
  Loop loop;
  std::string body;
  loop.handler.answer = [&](HttpRequest request, const std::unique_ptr<Exchange>& exchange) {
    body = std::move(request.body);
    exchange->respond({.status = 202, .headers = {}, .body = ""});
  };
  auto peer = loop.connect();
  std::string bytes = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 300; ++i) bytes += "1000\r\n" + std::string(0x1000, 'c') + "\r\n";
  bytes += "0\r\n\r\n";
  std::size_t sent = 0;
  loop.until(
      [&] {
        sent += peer.send(std::string_view(bytes).substr(sent));
        return peer.has("202 Accepted");
      },
      {&peer});
  CHECK(body.size() == 300 * 0x1000);
}

TEST_CASE("a request that does not come in time is 408") {
  Loop loop;
  auto peer = loop.connect();
  peer.send("GET / HTTP/1.1\r\n");
  loop.until([&] { return loop.reactor.counters().reads > 0; });
  loop.clock.at_ms += 9'999;
  loop.settle({&peer});
  CHECK(peer.received.empty());
  peer.send("Host: h\r\n");
  loop.clock.at_ms += 1;
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(peer.received.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
}

TEST_CASE("an idle connection closes silently, and answers restart its time") {
  Loop loop;
  auto peer = loop.connect();
  loop.clock.at_ms += 50'000;
  peer.send(get("/a"));
  loop.until([&] { return peer.has("/a"); }, {&peer});
  loop.clock.at_ms += 59'999;
  loop.settle({&peer});
  CHECK_FALSE(peer.is_at_end);
  loop.clock.at_ms += 1;
  loop.until([&] { return peer.is_at_end; }, {&peer});
}

TEST_CASE("a request that its handler takes long over does not time out") {
  Loop loop;
  Kept kept(loop);
  auto peer = loop.connect();
  peer.send(get("/slow") + get("/behind"));
  loop.until([&] { return kept.exchanges.size() == 1; });
  loop.clock.at_ms += 120'000;
  loop.settle({&peer});
  kept.exchanges[0]->respond({.status = 200, .headers = {}, .body = "late"});
  loop.until([&] { return kept.exchanges.size() == 2; });
  kept.exchanges[1]->respond({.status = 200, .headers = {}, .body = "too"});
  loop.until([&] { return peer.has("late") && peer.has("too"); }, {&peer});
}

TEST_CASE("a peer that does not take its answer is dropped") {
  Loop loop;
  loop.handler.answer = [](const HttpRequest&, const std::unique_ptr<Exchange>& exchange) {
    exchange->respond({.status = 200, .headers = {}, .body = std::string(8 << 20, 'b')});
  };
  auto peer = loop.connect();
  peer.send(get("/"));
  loop.until([&] { return loop.reactor.counters().bytes_out > 0; });
  loop.settle();
  loop.clock.at_ms += 30'000;
  loop.until([&] { return loop.reactor.connections() == 0; });
}

TEST_CASE("while draining what is with its handler is answered, and what comes after is 503") {
  Loop loop;
  Kept kept(loop);
  auto peer = loop.connect();
  auto other = loop.connect();
  auto idle = loop.connect();
  peer.send(get("/taken"));
  loop.until([&] { return kept.exchanges.size() == 1; });
  CHECK(loop.reactor.owes_answers());
  loop.reactor.drain();
  other.send(get("/late"));
  loop.until([&] { return other.is_at_end; }, {&other});
  CHECK(other.has("HTTP/1.1 503 "));
  CHECK(other.has("Connection: close\r\n"));
  CHECK(other.has("Retry-After: "));
  CHECK(kept.exchanges.size() == 1);
  other.drop();
  loop.settle();
  CHECK(loop.reactor.owes_answers());
  kept.exchanges[0]->respond({.status = 200, .headers = {}, .body = "taken"});
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(peer.has("HTTP/1.1 200 "));
  CHECK(peer.has("Connection: close\r\n"));
  // Until the peer says that it has the answer.
  CHECK(loop.reactor.owes_answers());
  peer.drop();
  loop.until([&] { return !loop.reactor.owes_answers(); });
  CHECK_FALSE(idle.is_at_end);
}

TEST_CASE("a body a byte a second is 408, however long it goes on") {
  Loop loop;
  auto peer = loop.connect();
  peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
  int seconds = 0;
  for (; seconds < 60 && !peer.has("408 Request Timeout"); ++seconds) {
    peer.send("x");
    loop.settle({&peer});
    loop.clock.at_ms += 1'000;
    loop.settle({&peer});
  }
  CHECK(seconds >= 10);
  CHECK(seconds <= 12);
  CHECK(loop.handler.requests.empty());
}

TEST_CASE("an upload on a slow line is waited for while it keeps its rate") {
  Loop loop;
  auto peer = loop.connect();
  peer.send("POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n");
  for (int second = 0; second < 60; ++second) {
    peer.send(std::string(1'000, 'x'));
    loop.settle({&peer});
    loop.clock.at_ms += 1'000;
    loop.settle({&peer});
  }
  loop.until([&] { return peer.has("200 OK"); }, {&peer});
  CHECK(loop.handler.requests == std::vector<std::string>{"POST /slow"});
}

TEST_CASE("a peer may take its answer slowly, but not stop") {
  Loop loop;
  loop.handler.answer = [](const HttpRequest&, const std::unique_ptr<Exchange>& exchange) {
    exchange->respond({.status = 200, .headers = {}, .body = std::string(8 << 20, 'b')});
  };
  auto peer = loop.connect();
  peer.send(get("/"));
  loop.settle();
  for (int i = 0; i < 5; ++i) {
    loop.clock.at_ms += 29'000;
    const auto before = loop.reactor.counters().bytes_out;
    // As much as the kernel holds: well above 500 bytes a second.
    peer.pump();
    loop.until([&] { return loop.reactor.counters().bytes_out > before; });
    loop.settle();
    CHECK(loop.reactor.connections() == 1);
  }
  loop.clock.at_ms += 30'000;
  loop.settle();
  loop.clock.at_ms += 30'000;
  loop.until([&] { return loop.reactor.connections() == 0; });
  CHECK(peer.received.size() < (8 << 20));
}

TEST_CASE("who sends requests and takes no answers is not read any further") {
  Loop loop;
  loop.handler.answer = [](const HttpRequest&, const std::unique_ptr<Exchange>& exchange) {
    exchange->respond({.status = 200, .headers = {}, .body = std::string(100'000, 'b')});
  };
  auto peer = loop.connect();
  peer.is_reading = false;
  std::string requests;
  for (int i = 0; i < 300; ++i) requests += get("/");
  CHECK(peer.send(requests) == requests.size());
  loop.until([&] { return loop.reactor.counters().bytes_out > 0; });
  loop.settle();
  // The kernel's buffers hold some, and the bound a little more.
  const std::size_t begun = loop.handler.requests.size();
  CHECK(begun < 150);
  loop.settle();
  CHECK(loop.handler.requests.size() == begun);
  // Its requests are as good as when it sent them.
  loop.clock.at_ms += 20'000;
  peer.is_reading = true;
  loop.until([&] { return loop.handler.requests.size() == 300; }, {&peer});
  loop.settle({&peer});
  CHECK_FALSE(peer.has("408"));
}
