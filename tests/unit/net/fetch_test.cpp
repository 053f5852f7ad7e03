#include "net/fetch.h"

#include <doctest/doctest.h>

#include <string>

namespace fairlead::net {
namespace {

const std::string kOk = "HTTP/1.1 200 OK\r\n";

/// The whole answer in pieces of `step` bytes; an error's message when there is one.
std::string read(const std::string& answer, std::size_t step, bool closes = false) {
  FetchReader reader(20);
  for (std::size_t at = 0; at < answer.size(); at += step) {
    const auto whole = reader.take(std::string_view(answer).substr(at, step));
    if (!whole) return "error: " + whole.error().message;
    if (*whole) return std::move(reader).result().body;
  }
  if (!closes) return "more";
  if (const auto ended = reader.end(); !ended) return "error: " + ended.error().message;
  return std::move(reader).result().body;
}

std::optional<std::int64_t> max_age(const std::string& header) {
  FetchReader reader(20);
  REQUIRE(reader.take(kOk + header + "Content-Length: 0\r\n\r\n").value());
  return std::move(reader).result().max_age_s;
}

}  // namespace

TEST_CASE("an answer is read whole in pieces of any size") {
  for (const std::size_t step : {1UL, 2UL, 7UL, 1000UL}) {
    CHECK(read(kOk + "Content-Length: 5\r\n\r\nhello", step) == "hello");
    CHECK(read(kOk + "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", step) ==
          "hello");
    CHECK(read(kOk + "\r\nhello", step, true) == "hello");
    CHECK(read(kOk + "Content-Length: 0\r\n\r\n", step) == "");
  }
}

TEST_CASE("an answer that is cut off is none") {
  CHECK(read(kOk + "Content-Length: 5\r\n\r\nhell", 3, true) == "error: the answer is cut off");
  CHECK(read(kOk + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 3, true) ==
        "error: the answer is cut off");
  CHECK(read("HTTP/1.1 200 OK\r\nContent", 3, true) == "error: the answer is cut off");
  CHECK(read("", 3, true) == "error: the answer is cut off");
}

TEST_CASE("an answer that is too long, in whatever way, is refused before it is held") {
  const std::string body(21, 'x');
  CHECK(read(kOk + "Content-Length: 21\r\n\r\n", 100) == "error: the answer is too long");
  CHECK(read(kOk + "\r\n" + body, 100, true) == "error: the answer is too long");
  CHECK(read(kOk + "Transfer-Encoding: chunked\r\n\r\n15\r\n" + body, 100) ==
        "error: the answer is too long");
  CHECK(read(kOk + "X: " + std::string(40'000, 'x'), 1000) ==
        "error: the answer has too long a head");
}

TEST_CASE("what is no 200 of HTTP, or in a coding that was not asked for, is refused") {
  CHECK(read("HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", 100) ==
        "error: the answer has the status 302");
  CHECK(read("HTTP/1.1 500 Oops\r\n\r\n", 100) == "error: the answer has the status 500");
  CHECK(read("SSH-2.0-OpenSSH\r\n\r\n", 100) == "error: the answer is no HTTP/1.1");
  CHECK(read(kOk + "Content-Encoding: gzip\r\n\r\n", 100) == "error: the answer is compressed");
  CHECK(read(kOk + "Transfer-Encoding: gzip, chunked\r\n\r\n", 100) ==
        "error: the answer has an unknown coding");
  CHECK(read(kOk + "Content-Length: 5x\r\n\r\n", 100).starts_with("error: "));
  CHECK(read(kOk + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 100).starts_with("error: "));
}

TEST_CASE("max-age is told, and no-store and no-cache are an age of nothing") {
  CHECK(max_age("") == std::nullopt);
  CHECK(max_age("Cache-Control: max-age=600\r\n") == 600);
  CHECK(max_age("Cache-Control: public, Max-Age=600, must-revalidate\r\n") == 600);
  CHECK(max_age("Cache-Control: no-store\r\n") == 0);
  CHECK(max_age("Cache-Control: max-age=600\r\nCache-Control: no-cache\r\n") == 0);
  CHECK(max_age("Cache-Control: max-age=-1\r\n") == std::nullopt);
  CHECK(max_age("Cache-Control: max-age=soon\r\n") == std::nullopt);
  CHECK(max_age("Cache-Control: s-maxage=5\r\n") == std::nullopt);
}

TEST_CASE("a URL is taken apart, with the ports that its scheme means") {
  const auto plain = parse_url("http://keys.example");
  REQUIRE(plain);
  CHECK_FALSE(plain->is_tls);
  CHECK(plain->host == "keys.example");
  CHECK(plain->port == 80);
  CHECK(plain->target == "/");
  const auto tls = parse_url("https://keys.example:8443/a/b?c=d");
  REQUIRE(tls);
  CHECK(tls->is_tls);
  CHECK(tls->port == 8443);
  CHECK(tls->authority == "keys.example:8443");
  CHECK(tls->target == "/a/b?c=d");
  const auto v6 = parse_url("https://[2001:db8::1]?x");
  REQUIRE(v6);
  CHECK(v6->host == "2001:db8::1");
  CHECK(v6->port == 443);
  CHECK(v6->target == "/?x");
}

TEST_CASE("a URL that is none, or says more than it may, is refused") {
  for (const char* text :
       {"", "keys.example", "ftp://keys.example", "HTTPS://keys.example", "https://", "https:///x",
        "https://:443/", "https://keys.example:0/", "https://keys.example:65536/",
        "https://keys.example:/", "https://user:pw@keys.example/", "https://keys.example/#x",
        "https://keys example/", "https://keys.example/\n", "https://[::1", "https://[::1]x/"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(parse_url(text));
  }
  CHECK_FALSE(parse_url("https://x/" + std::string(3000, 'x')));
}

}  // namespace fairlead::net
