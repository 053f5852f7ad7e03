#include "bench/tls_line.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <signal.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <string>

namespace fairlead::bench {
namespace {

constexpr long kLifeSeconds = 24 * 3600;

ssize_t as_errno(SSL* session, int result) {
  const int error = SSL_get_error(session, result);
  if (error == SSL_ERROR_ZERO_RETURN) return 0;
  const bool is_blocked = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
  errno = is_blocked ? EAGAIN : ECONNRESET;
  return -1;
}

}  // namespace

TlsClients::TlsClients() : context_(SSL_CTX_new(TLS_client_method())) {
  // OpenSSL writes without MSG_NOSIGNAL.
  signal(SIGPIPE, SIG_IGN);
  SSL_CTX_set_mode(context_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                       SSL_MODE_RELEASE_BUFFERS);
}

void TlsClients::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

void TlsLine::Free::operator()(ssl_st* session) const {
  // Else OpenSSL forbids the ticket to be used again.
  SSL_set_shutdown(session, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(session);
}

Result<std::unique_ptr<TlsLine>> TlsLine::open(const TlsClients& clients, int fd,
                                               const TlsTicket& ticket) {
  std::unique_ptr<TlsLine> line(new TlsLine(SSL_new(clients.get())));
  SSL_set_fd(line->session_.get(), fd);
  if (ticket) SSL_set_session(line->session_.get(), ticket.get());
  if (SSL_connect(line->session_.get()) != 1) {
    return fail(Code::kInternal, "the TLS handshake failed");
  }
  return line;
}

ssize_t TlsLine::receive(char* into, std::size_t size) const {
  std::size_t got = 0;
  const int result = SSL_read_ex(session_.get(), into, size, &got);
  return result == 1 ? static_cast<ssize_t>(got) : as_errno(session_.get(), result);
}

ssize_t TlsLine::send(const char* from, std::size_t size) const {
  std::size_t sent = 0;
  const int result = SSL_write_ex(session_.get(), from, size, &sent);
  return result == 1 ? static_cast<ssize_t>(sent) : as_errno(session_.get(), result);
}

bool TlsLine::has_unread() const { return SSL_pending(session_.get()) > 0; }

bool TlsLine::was_resumed() const { return SSL_session_reused(session_.get()) == 1; }

TlsTicket TlsLine::ticket() const { return {SSL_get1_session(session_.get()), SSL_SESSION_free}; }

Result<TlsIdentity> TlsIdentity::make(const std::string& directory) {
  TlsIdentity identity{.certificate_file = directory + "/tls-cert.pem",
                       .key_file = directory + "/tls-key.pem"};
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"),
                                                                &EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), &X509_free);
  X509_set_version(certificate.get(), X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kLifeSeconds);
  X509_set_pubkey(certificate.get(), key.get());
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  using File = std::unique_ptr<FILE, int (*)(FILE*)>;
  const File certificate_file(std::fopen(identity.certificate_file.c_str(), "w"), &std::fclose);
  const File key_file(std::fopen(identity.key_file.c_str(), "w"), &std::fclose);
  const bool is_written =
      certificate_file && key_file && ::chmod(identity.key_file.c_str(), 0600) == 0 &&
      PEM_write_X509(certificate_file.get(), certificate.get()) == 1 &&
      PEM_write_PrivateKey(key_file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1;
  if (!is_written) return fail(Code::kInternal, "cannot write a certificate to {}", directory);
  return identity;
}

}  // namespace fairlead::bench
