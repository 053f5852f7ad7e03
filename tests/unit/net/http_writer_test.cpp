#include "net/http_writer.h"

#include <doctest/doctest.h>

#include <string>

using namespace fairlead::net;

namespace {
constexpr std::string_view kDate = "Tue, 15 Nov 1994 08:12:31 GMT";
}

TEST_CASE("a head has the length, the date and the handler's headers") {
  const HttpResponse response{.status = 201, .headers = {{"X-A", "b"}}, .body = "hello"};
  CHECK(write_head(response, {}, kDate) ==
        "HTTP/1.1 201 Created\r\nX-A: b\r\nContent-Length: 5\r\n"
        "Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n\r\n");
  CHECK(has_body(response, {}));
}

TEST_CASE("HEAD tells the length of what it does not send") {
  const HttpResponse response{.status = 200, .headers = {}, .body = "hello"};
  const ResponseFraming framing{.is_http_11 = true, .keeps_alive = true, .is_head = true};
  CHECK(write_head(response, framing, kDate).find("Content-Length: 5\r\n") != std::string::npos);
  CHECK_FALSE(has_body(response, framing));
}

TEST_CASE("204 and 304 have neither body nor length") {
  for (const int status : {204, 304}) {
    const HttpResponse response{.status = status, .headers = {}, .body = "ignored"};
    CHECK(write_head(response, {}, kDate).find("Content-Length") == std::string::npos);
    CHECK_FALSE(has_body(response, {}));
  }
}

TEST_CASE("the connection's fate is told where it is not the rule") {
  const HttpResponse response{.status = 200, .headers = {}, .body = {}};
  const auto head = [&](bool is_http_11, bool keeps_alive) {
    return write_head(response, {.is_http_11 = is_http_11, .keeps_alive = keeps_alive}, kDate);
  };
  CHECK(head(true, true).find("Connection") == std::string::npos);
  CHECK(head(true, false).find("Connection: close\r\n") != std::string::npos);
  CHECK(head(false, true).find("Connection: keep-alive\r\n") != std::string::npos);
}

TEST_CASE("a handler can neither break the framing nor smuggle a header") {
  const HttpResponse response{.status = 200,
                              .headers = {{"content-length", "99"},
                                          {"Connection", "x"},
                                          {"Date", "never"},
                                          {"Location", "/a\r\nSet-Cookie: evil"}},
                              .body = ""};
  const std::string head = write_head(response, {}, kDate);
  CHECK(head.find("Length: 99") == std::string::npos);
  CHECK(head.find("never") == std::string::npos);
  CHECK(head.find("\r\nSet-Cookie") == std::string::npos);
}

TEST_CASE("the codec's own answers are problem documents") {
  const HttpResponse response = problem_response({.status = 413, .detail = "body too large"});
  CHECK(response.status == 413);
  CHECK(response.headers.front().second == "application/problem+json");
  CHECK(response.body == R"({"type":"about:blank","title":"Content Too Large","status":413,)"
                         R"("detail":"body too large","code":"too_large"})");
}

TEST_CASE("a date is an IMF-fixdate") {
  CHECK(http_date(784887151000) == kDate);
  CHECK(http_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(http_date(1709251199999) == "Thu, 29 Feb 2024 23:59:59 GMT");
}
