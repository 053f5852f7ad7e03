#include <doctest/doctest.h>
#include <sys/socket.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "base/frame.h"
#include "net/reception.h"
#include "net/websocket.h"
#include "tls_peer.h"

using namespace fairlead::net;
using namespace fairlead::net::test;
using fairlead::make_frame;
using fairlead::MessageKind;

namespace {

constexpr std::string_view kGet = "GET /where HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kHttp11 = "\x08http/1.1";
const std::string kHttp2 = "\x02h2";

std::string protocol_of(TlsPeer& peer) {
  const unsigned char* name = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(peer.ssl(), &name, &length);
  return {name, name + length};
}

/// Sends a request over the open session and returns when it is answered.
void ask(TlsLoop& loop, TlsPeer& peer) {
  peer.send(kGet);
  loop.until_done([&] { return peer.has("/where"); }, {&peer});
}

/// A WebSocket over TLS whose messages come back.
void open_echo(TlsLoop& loop, TlsPeer& peer) {
  loop.upgrade_all();
  loop.session.message_hook = [&](MessageKind kind, std::string_view payload) {
    loop.session.transport->send(make_frame(kind, payload));
  };
  peer.send(kHandshake);
  loop.until_done([&] { return peer.has("\r\n\r\n"); }, {&peer});
  peer.received.clear();
}

std::string sent(std::string_view payload) {
  return std::string(make_frame(MessageKind::kText, payload)->wire());
}

}  // namespace

TEST_CASE("TLS 1.3 and 1.2 are spoken, older versions are not") {
  const TlsSite site;
  for (const auto& [version, is_spoken] :
       {std::pair{TLS1_3_VERSION, true}, {TLS1_2_VERSION, true}, {TLS1_1_VERSION, false}}) {
    CAPTURE(version);
    TlsLoop loop({.tls = site.credentials()});
    TlsPeer peer(loop.arrive(), {.version = version, .ciphers = "ALL:@SECLEVEL=0"});
    loop.until_done([&] { return peer.is_open() || !peer.problem.empty(); }, {&peer});
    CHECK(peer.is_open() == is_spoken);
    if (!is_spoken) continue;
    CHECK(SSL_version(peer.ssl()) == version);
    ask(loop, peer);
  }
}

TEST_CASE("TLS 1.2 takes ciphers with forward secrecy and authentication alone") {
  const TlsSite site({.with_rsa_key = true});
  for (const auto& [cipher, is_spoken] : {std::pair{"ECDHE-RSA-AES128-GCM-SHA256", true},
                                          {"ECDHE-RSA-CHACHA20-POLY1305", true},
                                          {"AES128-GCM-SHA256", false},
                                          {"ECDHE-RSA-AES128-SHA256", false},
                                          {"DHE-RSA-AES128-GCM-SHA256", false}}) {
    CAPTURE(cipher);
    TlsLoop loop({.tls = site.credentials()});
    TlsPeer peer(loop.arrive(), {.version = TLS1_2_VERSION, .ciphers = cipher});
    loop.until_done([&] { return peer.is_open() || !peer.problem.empty(); }, {&peer});
    CHECK(peer.is_open() == is_spoken);
  }
}

TEST_CASE("a TLS 1.2 client cannot negotiate anew") {
  const TlsSite site;
  TlsLoop loop({.tls = site.credentials()});
  TlsPeer peer(loop.arrive(), {.version = TLS1_2_VERSION});
  loop.until_done([&] { return peer.is_open(); }, {&peer});
  SSL_renegotiate(peer.ssl());
  SSL_do_handshake(peer.ssl());
  loop.until_done([&] { return !peer.problem.empty(); }, {&peer});
  CHECK(peer.problem == "no renegotiation");
}

TEST_CASE("ALPN chooses http/1.1, and a peer that offers only others is told so") {
  const TlsSite site;
  TlsLoop loop({.tls = site.credentials()});
  TlsPeer both(loop.arrive(), {.alpn = kHttp2 + kHttp11});
  TlsPeer none(loop.arrive());
  TlsPeer other(loop.arrive(), {.alpn = kHttp2});
  loop.until_done([&] { return both.is_open() && none.is_open() && !other.problem.empty(); },
                  {&both, &none, &other});
  CHECK(protocol_of(both) == "http/1.1");
  CHECK(protocol_of(none).empty());
  CHECK(other.problem == "tlsv1 alert no application protocol");
  CHECK(loop.reactor.counters().tls_failed == 1);
}

TEST_CASE("a ticket resumes a session, in both versions") {
  const TlsSite site;
  for (const int version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
    CAPTURE(version);
    TlsLoop loop({.tls = site.credentials()});
    TlsPeer first(loop.arrive(), {.version = version});
    loop.until_done([&] { return first.is_open(); }, {&first});
    ask(loop, first);
    const std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)> ticket(
        SSL_get1_session(first.ssl()), &SSL_SESSION_free);
    CHECK(SSL_SESSION_has_ticket(ticket.get()) == 1);
    TlsPeer second(loop.arrive(), {.version = version, .ticket = ticket.get()});
    loop.until_done([&] { return second.is_open(); }, {&second});
    ask(loop, second);
    CHECK(SSL_session_reused(second.ssl()) == 1);
    CHECK(loop.reactor.counters().tls_full == 1);
    CHECK(loop.reactor.counters().tls_resumed == 1);
  }
}

TEST_CASE("where client certificates are demanded only theirs open a connection") {
  TlsSite site;
  site.demand_clients();
  const fairlead::support::Authority stranger;
  for (const int version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
    CAPTURE(version);
    TlsLoop loop({.tls = site.credentials()});
    TlsPeer good(loop.arrive(),
                 {.version = version, .identity = site.clients.issue({.name = "boiler-7"})});
    loop.until_done([&] { return good.is_open(); }, {&good});
    ask(loop, good);
    TlsPeer none(loop.arrive(), {.version = version});
    TlsPeer wrong(loop.arrive(), {.version = version, .identity = stranger.issue()});
    TlsPeer old(loop.arrive(),
                {.version = version, .identity = site.clients.issue({.valid_until_s = -60})});
    loop.until_done(
        [&] { return !none.problem.empty() && !wrong.problem.empty() && !old.problem.empty(); },
        {&none, &wrong, &old});
    CHECK(none.problem.ends_with(version == TLS1_3_VERSION ? "alert certificate required"
                                                           : "alert handshake failure"));
    CHECK(wrong.problem.ends_with("alert unknown ca"));
    CHECK(old.problem.ends_with("alert certificate expired"));
    CHECK(loop.handler.requests.size() == 1);
  }
}

TEST_CASE("a handshake may come octet by octet, also after a byte of it each turn") {
  const TlsSite site;
  for (const int version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
    CAPTURE(version);
    TlsLoop loop({.tls = site.credentials()});
    TlsPeer peer(loop.arrive(), {.version = version, .sends_by_hand = true});
    const auto crawl = [&] {
      for (const char octet : peer.take_wire()) {
        peer.wire().send({&octet, 1});
        loop.reactor.run_turn(std::chrono::milliseconds(0));
      }
      loop.settle_with({&peer});
    };
    while (!peer.is_open()) {
      loop.settle_with({&peer});
      crawl();
    }
    peer.send(kGet);
    crawl();
    CHECK(peer.has("/where"));
  }
}

TEST_CASE("a request in the same segment as the end of the handshake is answered") {
  const TlsSite site;
  TlsLoop loop({.tls = site.credentials()});
  TlsPeer peer(loop.arrive(), {.version = TLS1_3_VERSION, .sends_by_hand = true});
  while (!peer.is_open()) {
    const std::string wire = peer.take_wire();
    if (!peer.is_open()) peer.wire().send(wire);
    loop.settle_with({&peer});
  }
  // The last flight has not left yet.
  peer.send(kGet);
  peer.wire().send(peer.take_wire());
  loop.settle_with({&peer});
  CHECK(peer.has("/where"));
}

TEST_CASE("a handshake that does not end in time is dropped, a slow one within it is not") {
  const TlsSite site;
  TlsLoop loop({.tls = site.credentials(), .timeout_ms = 10'000});
  Peer silent = loop.arrive();
  TlsPeer slow(loop.arrive());
  loop.settle({&silent});
  loop.clock.at_ms += 9'999;
  loop.settle({&silent});
  CHECK_FALSE(silent.is_at_end);
  loop.settle_with({&slow});
  CHECK(slow.is_open());
  loop.clock.at_ms += 1;
  loop.until([&] { return silent.is_at_end; }, {&silent});
  CHECK(loop.reactor.counters().newcomers_late == 1);
  CHECK(loop.reactor.counters().newcomers == 0);
  ask(loop, slow);
}

TEST_CASE("over the bound of handshakes the oldest makes room") {
  const TlsSite site;
  TlsLoop loop({.tls = site.credentials(), .max_inside = 100});
  std::vector<Peer> silent;
  for (int i = 0; i < 150; ++i) silent.push_back(loop.arrive());
  loop.settle();
  std::size_t ended = 0;
  for (std::size_t i = 0; i < silent.size(); ++i) {
    silent[i].pump();
    ended += silent[i].is_at_end ? 1 : 0;
    CHECK(silent[i].is_at_end == (i < 50));
  }
  CHECK(ended == 50);
  CHECK(loop.reactor.counters().newcomers_dropped == 50);
  CHECK(loop.reactor.counters().newcomers == 100);
  TlsPeer peer(loop.arrive());
  loop.until_done([&] { return peer.is_open(); }, {&peer});
  ask(loop, peer);
}

TEST_CASE("a storm of handshakes does not keep open connections waiting") {
  const TlsSite site;
  TlsLoop loop({.tls = site.credentials()});
  TlsPeer open(loop.arrive());
  loop.until_done([&] { return open.is_open(); }, {&open});
  std::vector<std::unique_ptr<TlsPeer>> storm;
  for (int i = 0; i < 100; ++i) {
    storm.push_back(
        std::make_unique<TlsPeer>(loop.arrive(), TlsPeerOptions{.sends_by_hand = true}));
    storm.back()->pump();
    storm.back()->wire().send(storm.back()->take_wire());
  }
  open.send(kGet);
  open.pump();
  loop.reactor.run_turn(std::chrono::milliseconds(5));
  loop.reactor.run_turn(std::chrono::milliseconds(0));
  open.pump();
  // In these two turns few of the hundred got a step.
  CHECK(open.has("/where"));
  std::size_t answered = 0;
  for (const auto& peer : storm) {
    peer->wire().pump();
    answered += peer->wire().received.empty() ? 0 : 1;
  }
  CHECK(answered <= 32);
  // All get theirs.
  loop.until_done(
      [&] {
        answered = 0;
        for (const auto& peer : storm) {
          peer->wire().pump();
          answered += peer->wire().received.empty() ? 0 : 1;
        }
        return answered == storm.size();
      },
      {});
}

TEST_CASE("plain HTTP on a TLS port is told so") {
  const TlsSite site;
  TlsLoop loop({.tls = site.credentials()});
  Peer peer = loop.arrive();
  peer.send(kGet);
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(peer.received.starts_with("HTTP/1.1 400 Bad Request\r\n"));
  CHECK(peer.received.ends_with("\r\n\r\nthis port speaks TLS: use https or wss.\n"));
}

TEST_CASE("octets that are no TLS end the connection") {
  const TlsSite site;
  TlsLoop loop({.tls = site.credentials()});
  Peer peer = loop.arrive();
  peer.send(std::string(200, 'x'));
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(loop.reactor.counters().tls_failed == 1);
  CHECK(loop.reactor.counters().newcomers == 0);
}

TEST_CASE("new handshakes use the new certificate, open connections go on") {
  TlsSite site({.name = "first"});
  const auto credentials = site.credentials();
  TlsLoop loop({.tls = credentials});
  const auto name_of = [](TlsPeer& peer) {
    X509* shown = SSL_get1_peer_certificate(peer.ssl());
    std::string name(64, '\0');
    X509_NAME_get_text_by_NID(X509_get_subject_name(shown), OBJ_sn2nid("CN"), name.data(), 64);
    X509_free(shown);
    return std::string(name.c_str());
  };
  TlsPeer before(loop.arrive());
  loop.until_done([&] { return before.is_open(); }, {&before});
  const std::int64_t now_ms = std::time(nullptr) * 1000LL;
  site.renew({.name = "second"});
  REQUIRE(credentials->reload(now_ms).has_value());
  TlsPeer after(loop.arrive());
  loop.until_done([&] { return after.is_open(); }, {&after});
  CHECK(name_of(before) == "first");
  CHECK(name_of(after) == "second");
  site.renew({.name = "expired", .valid_until_s = -1});
  CHECK_FALSE(credentials->reload(now_ms).has_value());
  TlsPeer last(loop.arrive());
  loop.until_done([&] { return last.is_open(); }, {&last});
  CHECK(name_of(last) == "second");
  ask(loop, before);
  ask(loop, after);
}

TEST_CASE("messages of any size come back over TLS, whoever is slow") {
  const TlsSite site;
  for (const int version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
    CAPTURE(version);
    TlsLoop loop({.tls = site.credentials()});
    loop.max_message_bytes = 8 << 20;
    TlsPeer peer(loop.arrive(), {.version = version});
    loop.until_done([&] { return peer.is_open(); }, {&peer});
    open_echo(loop, peer);
    for (const std::size_t size : {0, 1, 125, 16'383, 16'384, 16'385, 65'536, 200'000, 3'000'000}) {
      CAPTURE(size);
      std::string payload(size, '\0');
      for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>('a' + i % 23);
      peer.received.clear();
      peer.send(text(payload));
      const std::string wanted = sent(payload);
      loop.until_done([&] { return peer.received.size() >= wanted.size(); }, {&peer});
      CHECK(peer.received == wanted);
    }
  }
}

TEST_CASE("what a slow reader makes wait arrives whole and in order over TLS") {
  const TlsSite site;
  TlsLoop loop({.tls = site.credentials()});
  TlsPeer peer(loop.arrive());
  loop.until_done([&] { return peer.is_open(); }, {&peer});
  open_echo(loop, peer);
  std::string wanted;
  peer.wire().is_reading = false;
  for (int i = 0; i < 3000; ++i) {
    const auto payload = std::to_string(i) + std::string(static_cast<std::size_t>(i % 700), 'p');
    loop.session.transport->send(make_frame(MessageKind::kText, payload));
    wanted += sent(payload);
    // Turns between them: the queue grows while a record waits that the kernel did not take.
    if (i % 100 == 0) loop.reactor.run_turn(std::chrono::milliseconds(0));
  }
  CHECK(loop.session.transport->queued_bytes() > 0);
  peer.wire().is_reading = true;
  loop.until_done([&] { return peer.received.size() >= wanted.size(); }, {&peer});
  CHECK(peer.received == wanted);
  CHECK(loop.session.transport->queued_bytes() == 0);
}

TEST_CASE("the frames of one turn share a record") {
  const TlsSite site;
  TlsLoop loop({.tls = site.credentials()});
  TlsPeer peer(loop.arrive());
  loop.until_done([&] { return peer.is_open(); }, {&peer});
  open_echo(loop, peer);
  loop.settle_with({&peer});
  std::string wanted;
  for (int i = 0; i < 60; ++i) {
    loop.session.transport->send(make_frame(MessageKind::kText, "frame"));
    wanted += sent("frame");
  }
  loop.settle();
  peer.wire().pump();
  // Header, type and tag of one record: 22 octets.
  CHECK(peer.wire().received.size() == wanted.size() + 22);
  peer.pump();
  CHECK(peer.received == wanted);
}

TEST_CASE("what comes in many small records is delivered, also behind a pause") {
  const TlsSite site;
  TlsLoop loop({.tls = site.credentials()});
  TlsPeer peer(loop.arrive());
  loop.until_done([&] { return peer.is_open(); }, {&peer});
  const auto send_in_pieces = [&](std::string_view bytes) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(bytes.size(), 150))) {
      peer.send(bytes.substr(0, 150));
    }
  };
  const std::size_t length = Reactor::kReceiveBytes + 1000;
  send_in_pieces("POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(length) +
                 "\r\n\r\n" + std::string(length, 'b'));
  loop.until_done([&] { return peer.has("/big"); }, {&peer});
  loop.upgrade_all();
  peer.send(kHandshake);
  loop.until_done([&] { return peer.has("101 Switching"); }, {&peer});
  std::string frames;
  for (int i = 0; i < 50; ++i) frames += text(std::string(1350, 'x'));
  send_in_pieces(frames);
  loop.until_done([&] { return loop.session.events.size() == 50; }, {&peer});
  // The same with a pause in between.
  loop.session.message_hook = [&](MessageKind, std::string_view) {
    if (loop.session.events.size() == 60) loop.session.transport->pause_reading();
  };
  send_in_pieces(frames);
  loop.settle_with({&peer});
  CHECK(loop.session.events.size() == 60);
  loop.session.transport->resume_reading();
  loop.until_done([&] { return loop.session.events.size() == 100; }, {&peer});
}

TEST_CASE("a key update changes nothing") {
  const TlsSite site;
  TlsLoop loop({.tls = site.credentials()});
  TlsPeer peer(loop.arrive(), {.version = TLS1_3_VERSION});
  loop.until_done([&] { return peer.is_open(); }, {&peer});
  open_echo(loop, peer);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(SSL_key_update(peer.ssl(), SSL_KEY_UPDATE_REQUESTED) == 1);
    peer.received.clear();
    peer.send(text("after"));
    loop.until_done([&] { return peer.has("after"); }, {&peer});
  }
}

TEST_CASE("a key update that cannot be answered yet keeps nothing from being read") {
  const TlsSite site;
  TlsLoop loop({.tls = site.credentials()});
  TlsPeer peer(loop.arrive(), {.version = TLS1_3_VERSION});
  loop.until_done([&] { return peer.is_open(); }, {&peer});
  open_echo(loop, peer);
  // The kernel's buffer is filled behind the session's back, so that the answer finds no room.
  const std::string junk(1000, 'j');
  std::size_t filled = 0;
  ssize_t sent = 0;
  while ((sent = ::send(loop.newest_fd, junk.data(), junk.size(), MSG_DONTWAIT)) > 0) {
    filled += static_cast<std::size_t>(sent);
  }
  REQUIRE(SSL_key_update(peer.ssl(), SSL_KEY_UPDATE_REQUESTED) == 1);
  peer.send(text("behind it"));
  peer.wire().send(peer.take_wire());
  loop.until([&] { return loop.session.events.size() == 1; });
  CHECK(loop.session.events.front() == "text:behind it");
  loop.settle();
  const std::uint64_t writes = loop.reactor.counters().writes;
  loop.settle();
  CHECK(loop.reactor.counters().writes == writes);
  CHECK(loop.session.transport->queued_bytes() > 0);
  peer.wire().pump();
  REQUIRE(peer.wire().received == std::string(filled, 'j'));
  peer.wire().received.clear();
  loop.until_done([&] { return peer.has("behind it"); }, {&peer});
}

TEST_CASE("a connection ends with close_notify behind its last words") {
  const TlsSite site;
  TlsLoop loop({.tls = site.credentials()});
  TlsPeer peer(loop.arrive());
  loop.until_done([&] { return peer.is_open(); }, {&peer});
  peer.send("GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  loop.until_done([&] { return peer.is_closed; }, {&peer});
  CHECK(peer.has("/last"));
  peer.wire().drop();
  loop.until([&] { return loop.reactor.connections() == 0; });
}

TEST_CASE("a peer's end without close_notify is an end") {
  const TlsSite site;
  TlsLoop loop({.tls = site.credentials()});
  TlsPeer peer(loop.arrive());
  loop.until_done([&] { return peer.is_open(); }, {&peer});
  open_echo(loop, peer);
  peer.wire().drop();
  loop.until([&] { return !loop.session.events.empty(); });
  CHECK(loop.session.events.front() == "closed:1006::them");
}

TEST_CASE("a connection over TLS moves to another reactor with what it has read") {
  const TlsSite site;
  TlsLoop from({.tls = site.credentials()});
  Loop to;
  TlsPeer peer(from.arrive());
  from.until_done([&] { return peer.is_open(); }, {&peer});
  from.handler.answer = [&](const HttpRequest&, const std::unique_ptr<Exchange>& exchange) {
    exchange->upgrade("", 1 << 20, [&](std::unique_ptr<Transport> transport) {
      to.session.transport = std::move(transport);
      to.reactor.attach(*to.session.transport, to.session);
    });
  };
  to.session.message_hook = [&](MessageKind kind, std::string_view payload) {
    to.session.transport->send(make_frame(kind, payload));
  };
  std::string early;
  for (int i = 0; i < 100; ++i) early += text("early " + std::to_string(i));
  peer.send(std::string(kHandshake) + early);
  peer.pump();
  for (int i = 0; i < 200 && !peer.has("early 99"); ++i) {
    from.settle_with({&peer});
    to.settle();
  }
  CHECK(peer.has("early 99"));
  CHECK(from.reactor.connections() == 0);
  CHECK(to.session.events.size() == 100);
}
