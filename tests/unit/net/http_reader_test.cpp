#include "net/http_reader.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using fairlead::net::HttpLimits;
using fairlead::net::HttpReader;
using fairlead::net::HttpRequest;

namespace {

using Events = std::vector<std::string>;

HttpLimits small_limits() {
  HttpLimits limits;
  limits.max_target_bytes = 100;
  limits.max_header_bytes = 400;
  limits.max_header_lines = 10;
  limits.max_body_bytes = 50;
  return limits;
}

/// Plays the connection: keeps what the reader leaves and gives it again with more behind.
class Feed {
 public:
  explicit Feed(const HttpLimits& limits) : limits_(limits), reader_(limits_) {}

  void operator()(std::string_view piece) {
    left_ += piece;
    std::string_view input = left_;
    for (bool goes_on = true; goes_on && !is_refused_;) goes_on = step(input);
    left_ = std::string(input);
  }

  Events events;
  std::vector<HttpRequest> requests;

 private:
  bool step(std::string_view& input) {
    switch (reader_.read(input)) {
      case HttpReader::Progress::kNeedMore:
        return false;
      case HttpReader::Progress::kContinue:
        events.emplace_back("continue");
        return true;
      case HttpReader::Progress::kRefused:
        events.push_back(std::to_string(reader_.refusal().status));
        is_refused_ = true;
        return false;
      case HttpReader::Progress::kRequest:
        break;
    }
    requests.push_back(reader_.take_request());
    const HttpRequest& request = requests.back();
    const std::string query = request.query.empty() ? "" : "?" + request.query;
    events.push_back(request.method + " " + request.path + query + " [" + request.body + "]" +
                     (reader_.facts().keeps_alive ? "" : " close"));
    return true;
  }

  HttpLimits limits_;
  HttpReader reader_;
  std::string left_;
  bool is_refused_ = false;
};

/// The same whichever way the bytes arrive.
Events read(std::string_view bytes, const HttpLimits& limits = small_limits()) {
  Feed whole(limits);
  whole(bytes);
  Feed single(limits);
  for (const char& byte : bytes) single({&byte, 1});
  CHECK(single.events == whole.events);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    Feed halves(limits);
    halves(bytes.substr(0, cut));
    halves(bytes.substr(cut));
    CHECK(halves.events == whole.events);
  }
  return whole.events;
}

std::string get(std::string_view header_lines, std::string_view body = "") {
  return "POST / HTTP/1.1\r\nHost: h\r\n" + std::string(header_lines) + "\r\n" + std::string(body);
}

}  // namespace

TEST_CASE("requests are read one behind the other") {
  const std::string bytes =
      "GET /a?x=1 HTTP/1.1\r\nHost: h\r\n\r\n"
      "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
      "DELETE /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  CHECK(read(bytes) == Events{"GET /a?x=1 []", "POST /b [hello]", "DELETE /c [] close"});
}

TEST_CASE("header names come in lower case and values trimmed") {
  Feed feed(small_limits());
  feed("GET / HTTP/1.1\r\nHOST:h\r\nX-Thing: \t a b \t\r\nEmpty:\r\n\r\n");
  REQUIRE(feed.requests.size() == 1);
  CHECK(feed.requests[0].header("host") == "h");
  CHECK(feed.requests[0].header("x-thing") == "a b");
  CHECK(feed.requests[0].header("empty").empty());
  CHECK(feed.requests[0].headers.size() == 3);
}

TEST_CASE("empty lines before a request are skipped, but not for ever") {
  CHECK(read("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n") == Events{"GET / []"});
  CHECK(read("\r\n\r\n\r\n\r\n\r\n\r\n") == Events{"400"});
}

TEST_CASE("chunks are joined, trailers and extensions ignored") {
  CHECK(read(get("Transfer-Encoding: chunked\r\n",
                 "5\r\nhello\r\n1;name=value\r\n \r\n5\r\nworld\r\n0\r\nX-Trailer: t\r\n\r\n") +
             "GET /next HTTP/1.1\r\nHost: h\r\n\r\n") ==
        Events{"POST / [hello world]", "GET /next []"});
  CHECK(read(get("Transfer-Encoding: CHUNKED\r\n", "0\r\n\r\n")) == Events{"POST / []"});
  CHECK(read(get("Transfer-Encoding: chunked\r\n", "A\r\n0123456789\r\n0\r\n\r\n")) ==
        Events{"POST / [0123456789]"});
}

TEST_CASE("broken chunks are refused") {
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  CHECK(read(get(chunked, "x\r\nhello\r\n")) == Events{"400"});
  CHECK(read(get(chunked, "-1\r\nhello\r\n")) == Events{"400"});
  CHECK(read(get(chunked, "0x5\r\nhello\r\n0\r\n\r\n")) == Events{"400"});
  CHECK(read(get(chunked, "5\r\nhelloX\r\n0\r\n\r\n")) == Events{"400"});
  CHECK(read(get(chunked, "5\nhello\r\n0\r\n\r\n")) == Events{"400"});
  CHECK(read(get(chunked, "FFFFFFFFFFFFFFFFF\r\n")) == Events{"400"});
}

TEST_CASE("a chunk line or trailers without an end are refused") {
  Feed line(small_limits());
  line(get("Transfer-Encoding: chunked\r\n", "5;" + std::string(5000, 'x')));
  CHECK(line.events == Events{"400"});
  Feed trailers(small_limits());
  trailers(get("Transfer-Encoding: chunked\r\n", "0\r\nX: " + std::string(5000, 'x')));
  CHECK(trailers.events == Events{"400"});
}

TEST_CASE("lengths that contradict or repeat each other are refused") {
  CHECK(read(get("Content-Length: 5\r\nContent-Length: 6\r\n", "hello")) == Events{"400"});
  CHECK(read(get("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")) == Events{"400"});
  CHECK(read(get("Content-Length: 5, 5\r\n", "hello")) == Events{"400"});
  CHECK(read(get("Content-Length: +5\r\n", "hello")) == Events{"400"});
  CHECK(read(get("Content-Length: -5\r\n", "hello")) == Events{"400"});
  CHECK(read(get("Content-Length: 5x\r\n", "hello")) == Events{"400"});
  CHECK(read(get("Content-Length:\r\n")) == Events{"400"});
  CHECK(read(get("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")) == Events{"400"});
  CHECK(read(get("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")) == Events{"400"});
}

TEST_CASE("transfer encodings other than chunked, once, in 1.1, are refused") {
  CHECK(read(get("Transfer-Encoding: gzip\r\n")) == Events{"400"});
  CHECK(read(get("Transfer-Encoding: gzip, chunked\r\n")) == Events{"501"});
  CHECK(read(get("Transfer-Encoding: xchunked\r\n")) == Events{"400"});
  CHECK(read(get("Transfer-Encoding: chunked, identity\r\n")) == Events{"400"});
  CHECK(read(get("Transfer-Encoding:\r\n chunked\r\n")) == Events{"400"});
  CHECK(read(get("Transfer-Encoding: \"chunked\"\r\n")) == Events{"400"});
  CHECK(read(get("Transfer-Encoding: chunked;q=1\r\n")) == Events{"400"});
  CHECK(read(get("Transfer-Encoding: ,chunked\r\n")) == Events{"501"});
  CHECK(read(get("Transfer-Encoding: chunked, chunked\r\n")) == Events{"400"});
  CHECK(read(get("Transfer-Encoding: identity\r\n")) == Events{"400"});
  CHECK(read(get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")) == Events{"400"});
  CHECK(read("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") == Events{"400"});
}

TEST_CASE("a 1.1 request has exactly one sound Host") {
  CHECK(read("GET / HTTP/1.1\r\n\r\n") == Events{"400"});
  CHECK(read(get("Host: h\r\n")) == Events{"400"});
  CHECK(read("GET / HTTP/1.1\r\nHost: a b\r\n\r\n") == Events{"400"});
  CHECK(read("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n") == Events{"400"});
  for (const std::string_view host : {"a,b", "a:b", "a:80:80", ":80", "[::1", "[::1]x", "::1",
                                      "a@b", "[g]", "a]", "a?b", "a:-1", "a\\b"}) {
    CAPTURE(host);
    CHECK(read("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n") == Events{"400"});
  }
  CHECK(read("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n") == Events{"400"});
  CHECK(read("GET / HTTP/1.1\r\nHost: a_b-1.example:\r\n\r\n") == Events{"GET / []"});
  CHECK(read("GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n") == Events{"GET / []"});
  CHECK(read("GET / HTTP/1.0\r\n\r\n") == Events{"GET / [] close"});
}

TEST_CASE("request lines out of shape are refused") {
  for (const std::string_view line :
       {"GET",
        "GET /",
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/11",
        "GET / HTTP/1.1x",
        "G<T / HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET foo HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET /% HTTP/1.1",
        "GET /%4 HTTP/1.1",
        "GET /%zz HTTP/1.1",
        "GET /a#b HTTP/1.1",
        "GET /\xC3\xA9 HTTP/1.1",
        "GET * HTTP/1.1",
        "OPTIONS *x HTTP/1.1",
        "GET http://a:x/ HTTP/1.1",
        "CONNECT a:80 HTTP/1.1",
        "GET ftp://a/ HTTP/1.1",
        "GET http:///a HTTP/1.1",
        "GET http://u@a/ HTTP/1.1",
        "GETTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT / HTTP/1.1"}) {
    CAPTURE(line);
    CHECK(read(std::string(line) + "\r\nHost: h\r\n\r\n") == Events{"400"});
  }
}

TEST_CASE("versions other than 1.0 and 1.1 are 505") {
  CHECK(read("PRI / HTTP/2.0\r\n\r\n") == Events{"505"});
  CHECK(read("GET / HTTP/1.2\r\nHost: h\r\n\r\n") == Events{"505"});
  CHECK(read("GET / HTTP/0.9\r\nHost: h\r\n\r\n") == Events{"505"});
}

TEST_CASE("the preface of HTTP/2 is one refused request, and nothing behind it is read") {
  CHECK(read("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == Events{"505"});
}

TEST_CASE("an upgrade to another protocol, body and all, is an ordinary request") {
  CHECK(read(get("Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                 "HTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: 2\r\n",
                 "ab") +
             "GET /next HTTP/1.1\r\nHost: h\r\n\r\n") == Events{"POST / [ab]", "GET /next []"});
}

TEST_CASE("OPTIONS may ask for the server as a whole") {
  CHECK(read("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n") == Events{"OPTIONS * []"});
}

TEST_CASE("the absolute form names the host, in HTTP/1.0 too") {
  Feed feed(small_limits());
  feed("GET http://other/a HTTP/1.0\r\n\r\n");
  REQUIRE(feed.requests.size() == 1);
  CHECK(feed.requests[0].header("host") == "other");
}

TEST_CASE("the absolute form names the host") {
  Feed feed(small_limits());
  feed(
      "GET http://other:80/a?b HTTP/1.1\r\nHost: h\r\n\r\nGET http://x?q "
      "HTTP/1.1\r\nHost:\r\n\r\n");
  REQUIRE(feed.requests.size() == 2);
  CHECK(feed.events == Events{"GET /a?b []", "GET /?q []"});
  CHECK(feed.requests[0].header("host") == "other:80");
  CHECK(feed.requests[1].header("host") == "x");
}

TEST_CASE("header lines out of shape are refused") {
  using std::string_literals::operator""s;
  for (const std::string& lines :
       {"X : y\r\n"s, "X y\r\n"s, ": y\r\n"s, "X: y\r\n folded\r\n"s, "X: y\r\n\tfolded\r\n"s,
        "X: a\0b\r\n"s, "X: a\x01\r\n"s, "X: a\x7F\r\n"s, "X: a\n"s, "X: a\rb\r\n"s, "X\0: a\r\n"s,
        "X\xC3: a\r\n"s, "(X): a\r\n"s, "X: a\r\r\n"s}) {
    CAPTURE(lines);
    CHECK(read(get(lines)) == Events{"400"});
  }
  CHECK(read("GET / HTTP/1.1\nHost: h\n\n") == Events{"400"});
  CHECK(read("\n") == Events{"400"});
  CHECK(read(get("X: caf\xC3\xA9 \t ok\r\n")) == Events{"POST / []"});
}

TEST_CASE("garbage is refused before it is complete") {
  Feed tls(small_limits());
  tls("\x16\x03\x01\x02");
  CHECK(tls.events == Events{"400"});
  Feed line(small_limits());
  line("hello\r\n");
  CHECK(line.events == Events{"400"});
}

TEST_CASE("too much of anything has its own status") {
  CHECK(read("GET /" + std::string(200, 'a') + " HTTP/1.1\r\n") == Events{"414"});
  CHECK(read(get("X: " + std::string(500, 'a') + "\r\n")) == Events{"431"});
  std::string lines;
  for (int i = 0; i < 11; ++i) lines += "X: y\r\n";
  CHECK(read(get(lines)) == Events{"431"});
  CHECK(read(get("Content-Length: 51\r\n")) == Events{"413"});
  CHECK(read(get("Content-Length: 99999999999999999999999\r\n")) == Events{"413"});
  CHECK(read(get("Transfer-Encoding: chunked\r\n", "33\r\n" + std::string(51, 'x') + "\r\n")) ==
        Events{"413"});
  CHECK(read(get("Content-Length: 50\r\n", std::string(50, 'x'))) ==
        Events{"POST / [" + std::string(50, 'x') + "]"});
}

TEST_CASE("100-continue is answered when a body may come, other expectations are 417") {
  CHECK(read(get("Expect: 100-continue\r\nContent-Length: 2\r\n", "ab")) ==
        Events{"continue", "POST / [ab]"});
  CHECK(read(get("Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")) ==
        Events{"continue", "POST / []"});
  CHECK(read(get("Expect: 100-continue\r\n")) == Events{"POST / []"});
  CHECK(read(get("Expect: 100-continue\r\nContent-Length: 51\r\n")) == Events{"413"});
  CHECK(read(get("Expect: magic\r\n")) == Events{"417"});
  CHECK(read("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na") ==
        Events{"POST / [a] close"});
}

TEST_CASE("keep-alive is the rule in 1.1 and asked for in 1.0") {
  CHECK(read("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n") == Events{"GET / []"});
  CHECK(read("GET / HTTP/1.1\r\nHost: h\r\nConnection: a, Close\r\n\r\n") ==
        Events{"GET / [] close"});
  CHECK(read("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n") ==
        Events{"GET / [] close"});
}

TEST_CASE("after a refusal nothing more is read") {
  Feed feed(small_limits());
  feed("BAD\r\n");
  feed("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(feed.events == Events{"400"});
}
