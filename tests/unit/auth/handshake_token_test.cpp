#include "auth/handshake_token.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using namespace fairlead::auth;

namespace {

using Names = std::vector<std::string_view>;

/// The token, or "none", or "malformed: …".
std::string found(const TokenPlaces& places) {
  const HandshakeToken token = find_handshake_token(places);
  if (std::holds_alternative<NoToken>(token)) return "none";
  if (const auto* malformed = std::get_if<MalformedToken>(&token)) {
    return "malformed: " + malformed->reason;
  }
  return std::get<std::string>(token);
}

std::string from_header(std::string_view value) { return found({.authorization = value}); }

std::string from_query(std::string_view query) {
  return found({.query = query, .allow_query_token = true});
}

}  // namespace

TEST_CASE("without a token in any place the first message has to bring it") {
  const Names offered = {"fairlead.v1.json"};
  CHECK(found({.subprotocols = offered, .query = "a=b", .allow_query_token = true}) == "none");
  CHECK(found({}) == "none");
}

TEST_CASE("the header wins over the subprotocol, and that over the query") {
  const Names offered = {"fairlead.v1.json", "fairlead.bearer.a.b.c"};
  TokenPlaces places{.authorization = "Bearer h.h.h",
                     .subprotocols = offered,
                     .query = "access_token=q.q.q",
                     .allow_query_token = true};
  CHECK(found(places) == "h.h.h");
  places.authorization.reset();
  CHECK(found(places) == "a.b.c");
  places.subprotocols = {};
  CHECK(found(places) == "q.q.q");
}

TEST_CASE("a bad token in an earlier place is not made good by a later one") {
  const Names offered = {"fairlead.bearer.a.b.c"};
  const Names bad = {"fairlead.bearer."};
  CHECK(found({.authorization = "Basic YTpi", .subprotocols = offered}) ==
        "malformed: Authorization: not the scheme Bearer");
  CHECK(found({.subprotocols = bad, .query = "access_token=q.q.q", .allow_query_token = true}) ==
        "malformed: Sec-WebSocket-Protocol: not a token");
}

TEST_CASE("the scheme is Bearer in any case, and spaces before the token are skipped") {
  CHECK(from_header("bEaReR a.b.c") == "a.b.c");
  CHECK(from_header("Bearer   a.b.c") == "a.b.c");
}

TEST_CASE("an Authorization that is no Bearer token is malformed") {
  for (const char* value : {"", "Bearer", "Bearer ", "Bearer  ", "Bearera.b.c", "Basic a.b.c",
                            " Bearer a.b.c", "Bearer a.b.c ", "Bearer a.b.c, Bearer d.e.f",
                            "Bearer\ta.b.c", "a.b.c", "Bearer a=b", "Bearer \"a.b.c\""}) {
    CAPTURE(std::string(value));
    CHECK(from_header(value).starts_with("malformed: "));
  }
}

TEST_CASE("two bearer subprotocols are malformed, even if equal") {
  const Names offered = {"fairlead.bearer.a.b.c", "fairlead.bearer.a.b.c"};
  CHECK(found({.subprotocols = offered}) ==
        "malformed: Sec-WebSocket-Protocol: more than one bearer");
}

TEST_CASE("the query is not looked at unless the operator allows it") {
  CHECK(found({.query = "access_token=q.q.q"}) == "none");
  CHECK(found({.query = "access_token=&access_token="}) == "none");
}

TEST_CASE("the query's token is percent-decoded and found among others") {
  CHECK(from_query("a=b&access_token=q%2Eq.q%2dx&c") == "q.q.q-x");
  CHECK(from_query("access%5Ftoken=q.q.q") == "q.q.q");
  CHECK(from_query("a=%zz&access_token=q.q.q") == "q.q.q");
  CHECK(from_query("xaccess_token=q&access_tokens=q&&=&") == "none");
}

TEST_CASE("several tokens in the query, and one that is none, are malformed") {
  CHECK(from_query("access_token=a.b.c&access_token=a.b.c") ==
        "malformed: access_token: more than one");
  for (const char* query :
       {"access_token=", "access_token", "access_token=a.b%2", "access_token=%",
        "access_token=a.b%gg", "access_token=a+b", "access_token=a.b.c=", "access_token=a%00b"}) {
    CAPTURE(std::string(query));
    CHECK(from_query(query) == "malformed: access_token: not a token");
  }
}

TEST_CASE("the first offered subprotocol that is spoken is chosen") {
  const Names both = {"fairlead.v1.cbor", "fairlead.v1.json"};
  CHECK(choose_subprotocol(both, true) == Subprotocol::kCbor);
  CHECK(choose_subprotocol(both, false) == Subprotocol::kJson);
  const Names with_unknown = {"mqtt", "fairlead.bearer.a.b.c", "fairlead.v1.json"};
  CHECK(choose_subprotocol(with_unknown, false) == Subprotocol::kJson);
}

TEST_CASE("none offered, or only a bearer, is JSON with nothing echoed") {
  const Names bearer = {"fairlead.bearer.a.b.c"};
  CHECK(choose_subprotocol({}, true) == Subprotocol::kNoneOffered);
  CHECK(choose_subprotocol(bearer, true) == Subprotocol::kNoneOffered);
  CHECK(echo_of(Subprotocol::kNoneOffered).empty());
  CHECK(echo_of(Subprotocol::kJson) == "fairlead.v1.json");
  CHECK(echo_of(Subprotocol::kCbor) == "fairlead.v1.cbor");
}

TEST_CASE("only unknown subprotocols are refused") {
  const Names unknown = {"mqtt", "fairlead.bearer.a.b.c"};
  CHECK(choose_subprotocol(unknown, true) == Subprotocol::kRefused);
  const Names cbor = {"fairlead.v1.cbor"};
  CHECK(choose_subprotocol(cbor, false) == Subprotocol::kRefused);
  const Names other_case = {"Fairlead.v1.JSON"};
  CHECK(choose_subprotocol(other_case, true) == Subprotocol::kRefused);
}
