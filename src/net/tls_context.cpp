#include "net/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/private_file.h"

namespace fairlead::net {
namespace {

constexpr std::size_t kMaxFileBytes = 1024 * 1024;
constexpr std::int64_t kMsPerSecond = 1000;
/// Forward secrecy and authenticated encryption only. TLS 1.3 has no others.
constexpr const char* kCiphers12 = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL";
/// Binds tickets to this kind of service (RFC 5077, 3.4 leaves it to us; OpenSSL demands it where
/// clients show certificates).
constexpr std::string_view kSessionContext = "fairlead";
constexpr std::string_view kHttp11 = "http/1.1";

template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;

/// The oldest error is the cause; the others say where it was met.
std::string openssl_reason() {
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  return reason == nullptr ? "unknown error" : reason;
}

Bio reader_of(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Result<std::string> read_public_file(const std::string& path, std::string_view what) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Code::kInvalid, "{} {}: {}", what, path, std::strerror(errno));
  std::string text((std::istreambuf_iterator<char>(file)), {});
  if (file.bad()) return fail(Code::kInvalid, "{} {}: cannot be read", what, path);
  if (text.size() > kMaxFileBytes) {
    return fail(Code::kInvalid, "{} {}: over {} bytes", what, path, kMaxFileBytes);
  }
  return text;
}

Result<std::vector<Certificate>> read_certificates(const std::string& path, std::string_view what) {
  const auto text = read_public_file(path, what);
  if (!text) return std::unexpected(text.error());
  const Bio bio = reader_of(*text);
  std::vector<Certificate> found;
  while (Certificate next{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    found.push_back(std::move(next));
  }
  const bool is_at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (!is_at_end) {
    return fail(Code::kInvalid, "{} {}: bad PEM: {}", what, path, openssl_reason());
  }
  ERR_clear_error();
  if (found.empty()) return fail(Code::kInvalid, "{} {}: no PEM certificate in it", what, path);
  return found;
}

std::string date_of(const ASN1_TIME* time) {
  const Bio bio(BIO_new(BIO_s_mem()));
  ASN1_TIME_print(bio.get(), time);
  std::array<char, 64> text{};
  const int length = BIO_read(bio.get(), text.data(), static_cast<int>(text.size()));
  return {text.data(), static_cast<std::size_t>(std::max(length, 0))};
}

Result<void> check_dates(const X509& certificate, const std::string& path, std::int64_t now_ms) {
  std::time_t now = now_ms / kMsPerSecond;
  const ASN1_TIME* begin = X509_get0_notBefore(&certificate);
  const ASN1_TIME* end = X509_get0_notAfter(&certificate);
  if (X509_cmp_time(begin, &now) > 0) {
    return fail(Code::kInvalid, "http.tls_cert {}: is valid from {} only", path, date_of(begin));
  }
  if (X509_cmp_time(end, &now) < 0) {
    return fail(Code::kInvalid, "http.tls_cert {}: has expired on {}", path, date_of(end));
  }
  return {};
}

/// Instead of asking at the terminal.
int no_password(char* /*into*/, int /*size*/, int /*is_writing*/, void* was_asked) {
  *static_cast<bool*>(was_asked) = true;
  return -1;
}

Result<PrivateKey> read_key(const std::string& path) {
  const auto text = read_private_file(path, "http.tls_key");
  if (!text) return std::unexpected(text.error());
  const Bio bio = reader_of(*text);
  bool was_asked = false;
  PrivateKey key{PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, &was_asked)};
  if (was_asked) {
    ERR_clear_error();
    return fail(Code::kInvalid, "http.tls_key {}: is encrypted; the hub takes keys in clear", path);
  }
  if (key) return key;
  const std::string reason = openssl_reason();
  if (!text->contains("PRIVATE KEY-----")) {
    return fail(Code::kInvalid, "http.tls_key {}: no PEM private key in it", path);
  }
  return fail(Code::kInvalid, "http.tls_key {}: bad private key: {}", path, reason);
}

Result<void> use_identity(SSL_CTX* context, const TlsFiles& files, std::int64_t now_ms) {
  const auto chain = read_certificates(files.certificate, "http.tls_cert");
  if (!chain) return std::unexpected(chain.error());
  if (auto dates = check_dates(*chain->front(), files.certificate, now_ms); !dates) return dates;
  const auto key = read_key(files.key);
  if (!key) return std::unexpected(key.error());
  if (SSL_CTX_use_certificate(context, chain->front().get()) != 1) {
    return fail(Code::kInvalid, "http.tls_cert {}: {}", files.certificate, openssl_reason());
  }
  for (std::size_t i = 1; i < chain->size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, (*chain)[i].get()) != 1) {
      return fail(Code::kInvalid, "http.tls_cert {}: certificate {} of the chain: {}",
                  files.certificate, i + 1, openssl_reason());
    }
  }
  if (X509_check_private_key(chain->front().get(), key->get()) != 1) {
    ERR_clear_error();
    return fail(Code::kInvalid, "http.tls_key {}: is not the key of the certificate in {}",
                files.key, files.certificate);
  }
  if (SSL_CTX_use_PrivateKey(context, key->get()) != 1) {
    return fail(Code::kInvalid, "http.tls_key {}: {}", files.key, openssl_reason());
  }
  return {};
}

Result<void> demand_clients(SSL_CTX* context, const std::string& path) {
  const auto roots = read_certificates(path, "http.tls_client_ca");
  if (!roots) return std::unexpected(roots.error());
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const Certificate& root : *roots) {
    if (X509_STORE_add_cert(store, root.get()) != 1 ||
        SSL_CTX_add_client_CA(context, root.get()) != 1) {
      return fail(Code::kInvalid, "http.tls_client_ca {}: {}", path, openssl_reason());
    }
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return {};
}

/// RFC 7301: http/1.1 where it is offered; a peer that offers only others is told so (alert 120).
int choose_protocol(SSL* /*session*/, const unsigned char** chosen, unsigned char* length,
                    const unsigned char* offered, unsigned size, void* /*context*/) {
  const std::span<const unsigned char> names(offered, size);
  for (std::size_t at = 0; at < names.size(); at += 1U + names[at]) {
    const auto name = names.subspan(at + 1, names[at]);
    if (!std::ranges::equal(name, kHttp11)) continue;
    *chosen = name.data();
    *length = static_cast<unsigned char>(name.size());
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

void set_ways(SSL_CTX* context) {
  // RELEASE_BUFFERS: 34 KB less for each connection that is idle. A write that is tried again may
  // come from another address, because pieces are joined anew.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // One call to the kernel for a record instead of two, and for many small records one.
  SSL_CTX_set_read_ahead(context, 1);
  // HTTP and WebSocket tell their own ends, so a missing close_notify cuts nothing off unseen.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_PRIORITIZE_CHACHA |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  FAIRLEAD_ASSERT(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1);
  FAIRLEAD_ASSERT(SSL_CTX_set_cipher_list(context, kCiphers12) == 1);
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

TlsContext::TlsContext() : context_(SSL_CTX_new(TLS_method())) {
  FAIRLEAD_ASSERT(context_ != nullptr);
  set_ways(context_.get());
}

TlsContext::~TlsContext() = default;

Result<std::shared_ptr<const TlsContext>> TlsContext::for_server(const TlsFiles& files,
                                                                 std::int64_t now_ms) {
  std::shared_ptr<TlsContext> made(new TlsContext);
  SSL_CTX* context = made->get();
  if (auto used = use_identity(context, files, now_ms); !used) {
    return std::unexpected(used.error());
  }
  if (!files.client_ca.empty()) {
    if (auto demanded = demand_clients(context, files.client_ca); !demanded) {
      return std::unexpected(demanded.error());
    }
  }
  // Sessions are in tickets, which the peers keep; a table of our own would be one more bound.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  const std::vector<unsigned char> name(kSessionContext.begin(), kSessionContext.end());
  SSL_CTX_set_session_id_context(context, name.data(), static_cast<unsigned>(name.size()));
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  return made;
}

Result<std::shared_ptr<const TlsContext>> TlsContext::for_client(const std::string& ca_file,
                                                                 bool verifies) {
  std::shared_ptr<TlsContext> made(new TlsContext);
  SSL_CTX* context = made->get();
  if (!verifies) return made;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
    return made;
  }
  const auto roots = read_certificates(ca_file, "--ca");
  if (!roots) return std::unexpected(roots.error());
  for (const Certificate& root : *roots) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), root.get()) != 1) {
      return fail(Code::kInvalid, "--ca {}: {}", ca_file, openssl_reason());
    }
  }
  return made;
}

}  // namespace fairlead::net
