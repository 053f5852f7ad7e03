// A TLS peer for this folder's tests, and the test that it works.
#include "tls_peer.h"

#include <doctest/doctest.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>
#include <chrono>
#include <utility>

namespace fairlead::net::test {
namespace {

constexpr std::int64_t kMsPerSecond = 1000;

void use(SSL_CTX* context, const support::Identity& identity) {
  BIO* bio =
      BIO_new_mem_buf(identity.certificate.data(), static_cast<int>(identity.certificate.size()));
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  bio = BIO_new_mem_buf(identity.key.data(), static_cast<int>(identity.key.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  REQUIRE(SSL_CTX_use_certificate(context, certificate) == 1);
  REQUIRE(SSL_CTX_use_PrivateKey(context, key) == 1);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

}  // namespace

TlsSite::TlsSite(const support::Wish& wish) {
  renew(wish);
  dir_.write("clients.pem", clients.certificate());
}

void TlsSite::renew(const support::Wish& wish) {
  const support::Identity identity = authority_.issue(wish);
  dir_.write("cert.pem", identity.certificate);
  dir_.write("key.pem", identity.key);
}

TlsFiles TlsSite::files() const {
  return {.certificate = dir_.path() / "cert.pem",
          .key = dir_.path() / "key.pem",
          .client_ca = demands_clients_ ? dir_.path() / "clients.pem" : ""};
}

std::shared_ptr<TlsCredentials> TlsSite::credentials() const {
  auto opened = TlsCredentials::open(files(), std::time(nullptr) * kMsPerSecond);
  if (!opened) FAIL(opened.error().message);
  return *opened;
}

TlsPeer::TlsPeer(Peer peer, const TlsPeerOptions& options)
    : context_(SSL_CTX_new(TLS_client_method())),
      peer_(std::move(peer)),
      sends_by_hand_(options.sends_by_hand) {
  if (options.version != 0) {
    SSL_CTX_set_min_proto_version(context_.get(), options.version);
    SSL_CTX_set_max_proto_version(context_.get(), options.version);
  }
  if (!options.ciphers.empty()) SSL_CTX_set_cipher_list(context_.get(), options.ciphers.c_str());
  if (!options.identity.key.empty()) use(context_.get(), options.identity);
  ssl_.reset(SSL_new(context_.get()));
  SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  if (!options.alpn.empty()) {
    const std::vector<unsigned char> names(options.alpn.begin(), options.alpn.end());
    SSL_set_alpn_protos(ssl_.get(), names.data(), static_cast<unsigned>(names.size()));
  }
  if (options.ticket != nullptr) SSL_set_session(ssl_.get(), options.ticket);
  SSL_set_connect_state(ssl_.get());
}

TlsPeer::~TlsPeer() = default;

std::string TlsPeer::take_wire() {
  std::string bytes(BIO_ctrl_pending(SSL_get_wbio(ssl_.get())), '\0');
  if (!bytes.empty()) {
    BIO_read(SSL_get_wbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
  }
  return bytes;
}

void TlsPeer::send(std::string_view text) {
  std::size_t written = 0;
  REQUIRE(SSL_write_ex(ssl_.get(), text.data(), text.size(), &written) == 1);
}

void TlsPeer::read() {
  std::array<char, 16384> buffer{};
  std::size_t got = 0;
  int result = 0;
  ERR_clear_error();
  while ((result = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &got)) == 1) {
    received.append(buffer.data(), got);
  }
  const int error = SSL_get_error(ssl_.get(), result);
  is_closed = is_closed || error == SSL_ERROR_ZERO_RETURN;
  if (error == SSL_ERROR_SSL && problem.empty()) {
    const char* reason = ERR_reason_error_string(ERR_peek_error());
    problem = reason == nullptr ? "?" : reason;
  }
}

void TlsPeer::pump() {
  peer_.pump();
  if (!peer_.received.empty()) {
    BIO_write(SSL_get_rbio(ssl_.get()), peer_.received.data(),
              static_cast<int>(peer_.received.size()));
    peer_.received.clear();
  }
  read();
  if (sends_by_hand_) return;
  std::string wire = take_wire();
  const std::size_t sent = peer_.send(wire);
  if (sent < wire.size()) {
    // Back to the front: a memory BIO only takes bytes at its end, and it is empty now.
    BIO_write(SSL_get_wbio(ssl_.get()), wire.data() + sent, static_cast<int>(wire.size() - sent));
  }
}

TlsLoop::TlsLoop(ReceptionRules rules, const ReactorOptions& options)
    : Loop(options), reception(std::make_shared<Reception>(reactor, std::move(rules), handler)) {}

Peer TlsLoop::arrive() {
  auto [ours, theirs] = socket_pair();
  newest_fd = ours.fd();
  reception->welcome(std::move(ours), {});
  return Peer(std::move(theirs));
}

void TlsLoop::until_done(const std::function<bool()>& done, std::vector<TlsPeer*> peers) {
  using Steady = std::chrono::steady_clock;
  const auto deadline = Steady::now() + std::chrono::seconds(20);
  while (!done()) {
    REQUIRE(Steady::now() < deadline);
    for (TlsPeer* peer : peers) peer->pump();
    reactor.run_turn(std::chrono::milliseconds(1));
  }
}

void TlsLoop::settle_with(std::vector<TlsPeer*> peers) {
  for (int i = 0; i < 20; ++i) {
    for (TlsPeer* peer : peers) peer->pump();
    reactor.run_turn(std::chrono::milliseconds(0));
  }
}

void TlsLoop::upgrade_all() {
  handler.answer = [this](const HttpRequest&, const std::unique_ptr<Exchange>& exchange) {
    exchange->upgrade("", max_message_bytes, [this](std::unique_ptr<Transport> transport) {
      session.transport = std::move(transport);
      reactor.attach(*session.transport, session);
    });
  };
}

}  // namespace fairlead::net::test

using namespace fairlead::net::test;

TEST_CASE("a request is answered over TLS") {
  const TlsSite site;
  TlsLoop loop({.tls = site.credentials()});
  bool is_tls = false;
  loop.handler.answer = [&](const fairlead::net::HttpRequest& request,
                            const std::unique_ptr<fairlead::net::Exchange>& exchange) {
    is_tls = request.is_tls;
    exchange->respond({.status = 200, .headers = {}, .body = request.path});
  };
  TlsPeer peer(loop.arrive());
  loop.until_done([&] { return peer.is_open(); }, {&peer});
  peer.send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
  loop.until_done([&] { return peer.has("/hello"); }, {&peer});
  CHECK(is_tls);
  CHECK(peer.received.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(loop.reactor.counters().tls_full == 1);
}
