#include "net/chunked_body.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using fairlead::net::ChunkedBody;
using std::string_literals::operator""s;

namespace {

/// The body and what was left over, or what went wrong; the same however the bytes are cut.
std::string read(std::string_view bytes, std::size_t max = 100) {
  std::string results[2];
  for (const bool is_whole : {true, false}) {
    ChunkedBody chunks;
    std::string body;
    std::string& result = results[is_whole ? 0 : 1];
    result = "more";
    for (std::size_t at = 0; at < bytes.size() && result == "more";) {
      std::string_view input = is_whole ? bytes : bytes.substr(at, 1);
      const std::size_t before = input.size();
      const auto outcome = chunks.take(input, max, body);
      at += before - input.size();
      if (outcome == ChunkedBody::Outcome::kWhole) {
        result = body + "|" + std::string(bytes.substr(at));
      } else if (outcome == ChunkedBody::Outcome::kBad) {
        result = "bad";
      } else if (outcome == ChunkedBody::Outcome::kTooBig) {
        result = "big";
      }
    }
  }
  CHECK(results[0] == results[1]);
  return results[0];
}

}  // namespace

TEST_CASE("chunks are joined and what follows is left") {
  CHECK(read("5\r\nhello\r\n0\r\n\r\nGET") == "hello|GET");
  CHECK(read("1\r\na\r\n00B\r\n0123456789b\r\n000\r\n\r\n") == "a0123456789b|");
  CHECK(read("0\r\n\r\n") == "|");
  CHECK(read("5\r\nhello\r\n0\r\n") == "more");
}

TEST_CASE("extensions and trailers are read and forgotten") {
  CHECK(read("5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n") == "hello|");
  CHECK(read("0\r\nX-A: b\r\nX-C:\td\r\n\r\nnext") == "|next");
}

TEST_CASE("whatever two readers could see differently is bad") {
  for (const std::string& bytes : {"\r\n"s,
                                   "g\r\n"s,
                                   " 5\r\nhello\r\n"s,
                                   "+5\r\n"s,
                                   "-5\r\n"s,
                                   "0x5\r\n"s,
                                   "5 \r\n"s,
                                   "5\n"s,
                                   "5\r\r\n"s,
                                   "5;a=\"\r\nhello"s + "\n\"\r\n"s,
                                   "5;\x01\r\n"s,
                                   "5;a\nb\r\n"s,
                                   "5\r\nhelloX"s,
                                   "5\r\nhello\n"s,
                                   "5\r\nhello\r0"s,
                                   "00000000000000005\r\n"s,
                                   "0\r\nX: a\n"s,
                                   "0\r\nX: \x01\r\n"s,
                                   "0\r\n folded\r\n"s,
                                   "0\r\nX: a\r\n\tb\r\n"s,
                                   "0\r\nGET / HTTP/1.1\r\n"s,
                                   "0\r\nX : a\r\n"s,
                                   "0\r\n: a\r\n"s,
                                   "0\r\nX\r\n"s,
                                   "0\r\n\rX"s,
                                   "0\r\n\n"s}) {
    CAPTURE(bytes);
    CHECK(read(bytes) == "bad");
  }
}

TEST_CASE("a body over the bound is too big as soon as its chunk says so") {
  CHECK(read("64\r\n" + std::string(100, 'x') + "\r\n0\r\n\r\n") == std::string(100, 'x') + "|");
  CHECK(read("65\r\nx") == "big");
  CHECK(read("60\r\n" + std::string(96, 'x') + "\r\n5\r\nh") == "big");
  CHECK(read("FFFFFFFFFFFFFFFF\r\nx") == "big");
}

TEST_CASE("lines and trailers without an end are bad") {
  CHECK(read("5;" + std::string(5000, 'x')) == "bad");
  CHECK(read("0\r\nX: " + std::string(5000, 'x')) == "bad");
  std::string trailers = "0\r\n";
  for (int i = 0; i < 1000; ++i) trailers += "X: y\r\n";
  CHECK(read(trailers) == "bad");
}

TEST_CASE("a small body cannot be a large stream of extensions") {
  std::string bytes;
  for (int i = 0; i < 10; ++i) bytes += "1;" + std::string(1000, 'x') + "\r\na\r\n";
  CHECK(read(bytes + "0\r\n\r\n") == "aaaaaaaaaa|");
  for (int i = 0; i < 10; ++i) bytes += "1;" + std::string(1000, 'x') + "\r\na\r\n";
  CHECK(read(bytes) == "bad");
  std::string small;
  for (int i = 0; i < 3000; ++i) small += "1;name=value\r\na\r\n";
  CHECK(read(small + "0\r\n\r\n", 3000) == std::string(3000, 'a') + "|");
}
