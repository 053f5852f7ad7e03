#include "support/tls_stream.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>

#include <array>

#include "support/failure.h"

namespace fairlead::support {
namespace {

template <typename Read>
auto from_pem(const std::string& pem, Read read) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  auto* object = read(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  if (object == nullptr) throw Failure("not PEM: " + pem.substr(0, 40));
  return object;
}

void use(SSL_CTX* context, const Identity& identity) {
  X509* certificate = from_pem(identity.certificate, PEM_read_bio_X509);
  EVP_PKEY* key = from_pem(identity.key, PEM_read_bio_PrivateKey);
  SSL_CTX_use_certificate(context, certificate);
  SSL_CTX_use_PrivateKey(context, key);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

void trust(SSL_CTX* context, const std::string& roots) {
  X509* root = from_pem(roots, PEM_read_bio_X509);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context), root);
  X509_free(root);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
}

void offer(SSL* session, const std::vector<std::string>& protocols) {
  std::vector<unsigned char> names;
  for (const std::string& protocol : protocols) {
    names.push_back(static_cast<unsigned char>(protocol.size()));
    names.insert(names.end(), protocol.begin(), protocol.end());
  }
  SSL_set_alpn_protos(session, names.data(), static_cast<unsigned>(names.size()));
}

}  // namespace

void TlsStream::FreeContext::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

void TlsStream::FreeSession::operator()(ssl_st* session) const { SSL_free(session); }

TlsStream::TlsStream(int fd, const TlsOptions& options)
    : context_(SSL_CTX_new(TLS_client_method())), fd_(fd) {
  // OpenSSL writes without MSG_NOSIGNAL.
  ::signal(SIGPIPE, SIG_IGN);
  if (options.version != 0) {
    SSL_CTX_set_min_proto_version(context_.get(), options.version);
    SSL_CTX_set_max_proto_version(context_.get(), options.version);
  }
  if (options.identity) use(context_.get(), *options.identity);
  if (!options.roots.empty()) trust(context_.get(), options.roots);
  session_.reset(SSL_new(context_.get()));
  SSL_set_fd(session_.get(), fd);
  if (!options.protocols.empty()) offer(session_.get(), options.protocols);
  if (options.ticket) SSL_set_session(session_.get(), options.ticket.get());
  if (!options.roots.empty()) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session_.get()), "127.0.0.1");
  }
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  const Deadline deadline;
  while (true) {
    ERR_clear_error();
    const int result = SSL_connect(session_.get());
    if (result == 1) return;
    if (settle(result, deadline) == Outcome::kEnd) {
      throw Disconnected("the peer ended the TLS handshake");
    }
  }
}

TlsStream::~TlsStream() = default;

TlsStream::Outcome TlsStream::settle(int result, Deadline deadline) {
  const int error = SSL_get_error(session_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
    const bool wants_read = error == SSL_ERROR_WANT_READ;
    pollfd wanted{
        .fd = fd_, .events = static_cast<short>(wants_read ? POLLIN : POLLOUT), .revents = 0};
    if (::poll(&wanted, 1, deadline.left_ms()) == 0) throw Failure("nothing came in time");
    return Outcome::kAgain;
  }
  const unsigned long code = ERR_peek_error();
  if (error != SSL_ERROR_SSL || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    return Outcome::kEnd;
  }
  const char* reason = ERR_reason_error_string(code);
  throw Failure(std::string("TLS: ") + (reason == nullptr ? "?" : reason));
}

bool TlsStream::send(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    ERR_clear_error();
    std::size_t sent = 0;
    const int result = SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &sent);
    if (result == 1) {
      bytes.remove_prefix(sent);
    } else if (settle(result, deadline) == Outcome::kEnd) {
      return false;
    }
  }
  return true;
}

bool TlsStream::receive(std::string& into, Deadline deadline) {
  std::array<char, 16384> buffer{};
  while (true) {
    ERR_clear_error();
    std::size_t got = 0;
    const int result = SSL_read_ex(session_.get(), buffer.data(), buffer.size(), &got);
    if (result == 1) {
      into.append(buffer.data(), got);
      return true;
    }
    if (settle(result, deadline) == Outcome::kEnd) return false;
  }
}

void TlsStream::receive_what_is_there(std::string& into) {
  std::array<char, 16384> buffer{};
  std::size_t got = 0;
  ERR_clear_error();
  while (SSL_read_ex(session_.get(), buffer.data(), buffer.size(), &got) == 1) {
    into.append(buffer.data(), got);
  }
}

void TlsStream::say_goodbye() { SSL_shutdown(session_.get()); }

std::string TlsStream::version() const { return SSL_get_version(session_.get()); }

std::string TlsStream::protocol() const {
  const unsigned char* name = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(session_.get(), &name, &length);
  return {name, name + length};
}

bool TlsStream::was_resumed() const { return SSL_session_reused(session_.get()) == 1; }

std::string TlsStream::server_name() const {
  X509* shown = SSL_get1_peer_certificate(session_.get());
  std::array<char, 200> name{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(shown), OBJ_sn2nid("CN"), name.data(),
                            static_cast<int>(name.size()));
  X509_free(shown);
  return name.data();
}

TlsTicket TlsStream::ticket() const { return {SSL_get1_session(session_.get()), SSL_SESSION_free}; }

}  // namespace fairlead::support
