#include "net/tls_session.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <utility>

#include "net/socket.h"
#include "tls_peer.h"

using namespace fairlead::net;
using namespace fairlead::net::test;

namespace {

/// Both ends of an open session: ours is a Socket, theirs a TlsPeer.
struct Pair {
  explicit Pair(const TlsSite& site) : Pair(site, socket_pair()) {}
  Pair(const TlsSite& site, std::pair<Socket, Socket> ends)
      : ours(std::move(ends.first)), theirs(Peer(std::move(ends.second))) {
    auto session = std::make_unique<TlsSession>(*site.credentials()->current(),
                                                TlsSession::Role::kServer, ours.fd());
    while (session->shake_hands() != TlsSession::Step::kDone) theirs.pump();
    ours.secure(std::move(session));
  }

  Socket ours;
  TlsPeer theirs;
};

}  // namespace

TEST_CASE("a socket says that bytes wait inside TLS, and no longer when they are taken") {
  const TlsSite site;
  Pair pair(site);
  pair.theirs.send(std::string(1000, 'x'));
  pair.theirs.send("the next record");
  pair.theirs.pump();
  std::array<char, 300> buffer{};
  std::string received;
  CHECK_FALSE(pair.ours.has_unread());
  for (int i = 0; i < 3; ++i) {
    const IoResult result = pair.ours.receive(buffer);
    REQUIRE(result.status == IoResult::Status::kOk);
    received.append(buffer.data(), result.bytes);
    // The kernel has nothing more to tell of.
    CHECK(pair.ours.has_unread());
  }
  const IoResult last = pair.ours.receive(buffer);
  received.append(buffer.data(), last.bytes);
  CHECK(received == std::string(1000, 'x') + "the next record");
  CHECK_FALSE(pair.ours.has_unread());
  CHECK(pair.ours.receive(buffer).status == IoResult::Status::kBlocked);
}

TEST_CASE("half a record is nothing yet") {
  const TlsSite site;
  Pair pair(site);
  pair.theirs.send("whole only later");
  const std::string record = pair.theirs.take_wire();
  pair.theirs.wire().send(record.substr(0, 20));
  std::array<char, 300> buffer{};
  CHECK(pair.ours.receive(buffer).status == IoResult::Status::kBlocked);
  CHECK_FALSE(pair.ours.has_unread());
  pair.theirs.wire().send(record.substr(20));
  CHECK(pair.ours.receive(buffer).bytes == 16);
}

TEST_CASE("a record that was tampered with ends the connection") {
  const TlsSite site;
  Pair pair(site);
  pair.theirs.send("true words");
  std::string record = pair.theirs.take_wire();
  record.back() = static_cast<char>(record.back() ^ 1);
  pair.theirs.wire().send(record);
  std::array<char, 300> buffer{};
  CHECK(pair.ours.receive(buffer).status == IoResult::Status::kLost);
}

TEST_CASE("close_notify is an end, and so is a FIN without it") {
  const TlsSite site;
  for (const bool is_polite : {true, false}) {
    CAPTURE(is_polite);
    Pair pair(site);
    pair.theirs.send("last words");
    if (is_polite) SSL_shutdown(pair.theirs.ssl());
    pair.theirs.pump();
    pair.theirs.wire().finish_sending();
    std::array<char, 300> buffer{};
    CHECK(pair.ours.receive(buffer).bytes == 10);
    CHECK(pair.ours.receive(buffer).status == IoResult::Status::kEnd);
    CHECK(pair.ours.receive(buffer).status == IoResult::Status::kEnd);
  }
}

TEST_CASE("a send to a peer that has gone is a lost connection, not a signal") {
  const TlsSite site;
  Pair pair(site);
  pair.theirs.wire().drop();
  std::string words = "hello?";
  iovec piece{.iov_base = words.data(), .iov_len = words.size()};
  CHECK(pair.ours.send({&piece, 1}).status == IoResult::Status::kLost);
}
