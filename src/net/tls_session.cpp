#include "net/tls_session.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/assert.h"

namespace fairlead::net {
namespace {

/// What one record carries at most (RFC 8446, 5.1).
constexpr std::size_t kRecordBytes = 16 * 1024;

/// Bytes for the next record: the first piece itself when it is alone or fills one, else the first
/// pieces joined in `scratch`.
std::span<const char> next_record(std::span<const iovec> pieces, std::size_t offset,
                                  std::span<char> scratch) {
  const iovec& first = pieces.front();
  const std::span whole(static_cast<const char*>(first.iov_base), first.iov_len);
  const std::span rest = whole.subspan(offset);
  if (pieces.size() == 1 || rest.size() >= kRecordBytes) {
    return rest.first(std::min(rest.size(), kRecordBytes));
  }
  std::size_t joined = 0;
  for (const iovec& piece : pieces) {
    const std::size_t skipped = joined == 0 ? offset : 0;
    const std::size_t taken = std::min(piece.iov_len - skipped, kRecordBytes - joined);
    std::memcpy(scratch.data() + joined, static_cast<const char*>(piece.iov_base) + skipped, taken);
    joined += taken;
    if (joined == kRecordBytes) break;
  }
  return scratch.first(joined);
}

}  // namespace

/// OpenSSL's own socket BIO writes without MSG_NOSIGNAL: a peer that is gone would end a program
/// that has not silenced SIGPIPE.
struct TlsSocketBio {
  static TlsSession& session(BIO* bio) { return *static_cast<TlsSession*>(BIO_get_data(bio)); }

  static bool is_temporary(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
  }

  static int read(BIO* bio, char* into, int size) {
    BIO_clear_retry_flags(bio);
    TlsSession& self = session(bio);
    const ssize_t got = ::recv(self.fd_, into, static_cast<std::size_t>(size), 0);
    if (got == 0) self.is_at_end_ = true;
    if (got < 0 && is_temporary(errno)) BIO_set_retry_read(bio);
    return static_cast<int>(got);
  }

  static int write(BIO* bio, const char* from, int size) {
    BIO_clear_retry_flags(bio);
    const ssize_t sent =
        ::send(session(bio).fd_, from, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (sent < 0 && is_temporary(errno)) BIO_set_retry_write(bio);
    return static_cast<int>(sent);
  }

  static long control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
    if (command == BIO_CTRL_EOF) return session(bio).is_at_end_ ? 1 : 0;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }
};

const BIO_METHOD* TlsSession::socket_method() {
  static const BIO_METHOD* method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    FAIRLEAD_ASSERT(made != nullptr);
    BIO_meth_set_read(made, TlsSocketBio::read);
    BIO_meth_set_write(made, TlsSocketBio::write);
    BIO_meth_set_ctrl(made, TlsSocketBio::control);
    return made;
  }();
  return method;
}

void TlsSession::Free::operator()(ssl_st* session) const { SSL_free(session); }

TlsSession::TlsSession(const TlsContext& context, Role role, int fd)
    : session_(SSL_new(context.get())), fd_(fd) {
  BIO* bio = BIO_new(socket_method());
  FAIRLEAD_ASSERT(session_ != nullptr);
  FAIRLEAD_ASSERT(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(session_.get(), bio, bio);
  if (role == Role::kServer) {
    SSL_set_accept_state(session_.get());
  } else {
    SSL_set_connect_state(session_.get());
  }
}

TlsSession::~TlsSession() = default;

void TlsSession::expect_server(const std::string& host) {
  X509_VERIFY_PARAM* checks = SSL_get0_param(session_.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(checks, host.c_str()) == 1) return;
  ERR_clear_error();
  SSL_set1_host(session_.get(), host.c_str());
  SSL_set_tlsext_host_name(session_.get(), host.c_str());
}

TlsSession::Step TlsSession::shake_hands() {
  ERR_clear_error();
  const int result = SSL_do_handshake(session_.get());
  if (result == 1) {
    // The peer's first request may have come in the same segment as the end of its handshake.
    has_unread_ = SSL_has_pending(session_.get()) == 1;
    return Step::kDone;
  }
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Step::kWantsRead;
    case SSL_ERROR_WANT_WRITE:
      return Step::kWantsWrite;
    default:
      break;
  }
  const unsigned long error = ERR_peek_error();
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  is_plain_http_ = ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST;
  failure_ = reason == nullptr ? "the peer has gone" : reason;
  if (const long verified = SSL_get_verify_result(session_.get()); verified != X509_V_OK) {
    failure_ += ": ";
    failure_ += X509_verify_cert_error_string(verified);
  }
  ERR_clear_error();
  return Step::kFailed;
}

bool TlsSession::is_resumed() const { return SSL_session_reused(session_.get()) == 1; }

IoResult TlsSession::failed_read(int result) {
  switch (SSL_get_error(session_.get(), result)) {
    // Reading writes nothing: a key update is answered (RFC 8446, 4.6.3) by the next send().
    case SSL_ERROR_WANT_READ:
      has_unread_ = false;
      return {.status = IoResult::Status::kBlocked};
    case SSL_ERROR_ZERO_RETURN:
      has_unread_ = false;
      return {.status = IoResult::Status::kEnd};
    default:
      has_unread_ = false;
      return {.status = IoResult::Status::kLost};
  }
}

IoResult TlsSession::receive(std::span<char> into) {
  std::size_t filled = 0;
  ERR_clear_error();
  // All records that have come: epoll knows only of what the kernel has.
  while (filled < into.size()) {
    std::size_t got = 0;
    const int result =
        SSL_read_ex(session_.get(), into.data() + filled, into.size() - filled, &got);
    if (result != 1) {
      const IoResult failed = failed_read(result);
      if (filled == 0) return failed;
      // What came before it counts first; the end shows again at the next call.
      if (failed.status != IoResult::Status::kBlocked) has_unread_ = true;
      return {.status = IoResult::Status::kOk, .bytes = filled};
    }
    filled += got;
    has_unread_ = SSL_has_pending(session_.get()) == 1;
    if (!has_unread_) break;
  }
  return {.status = IoResult::Status::kOk, .bytes = filled};
}

IoResult TlsSession::failed_write(int result) {
  // WANT_READ is a peer that has begun a handshake message and keeps its rest: nothing that is
  // meant to go on does that, and waiting for it would hold up all we have to say.
  const bool is_blocked = SSL_get_error(session_.get(), result) == SSL_ERROR_WANT_WRITE;
  return {.status = is_blocked ? IoResult::Status::kBlocked : IoResult::Status::kLost};
}

IoResult TlsSession::send(std::span<iovec> pieces) {
  // Not initialised: only what is joined in it is read.
  std::array<char, kRecordBytes> scratch;
  std::size_t sent = 0;
  std::size_t offset = 0;
  ERR_clear_error();
  while (!pieces.empty()) {
    if (offset == pieces.front().iov_len) {
      pieces = pieces.subspan(1);
      offset = 0;
      continue;
    }
    std::span<const char> record = next_record(pieces, offset, scratch);
    // What OpenSSL has sealed already is sent as it is; what came since waits for the next record.
    FAIRLEAD_ASSERT(record.size() >= unsent_bytes_);
    if (unsent_bytes_ > 0) record = record.first(unsent_bytes_);
    std::size_t taken = 0;
    const int result = SSL_write_ex(session_.get(), record.data(), record.size(), &taken);
    if (result != 1) {
      IoResult failed = failed_write(result);
      if (failed.status == IoResult::Status::kBlocked) unsent_bytes_ = record.size();
      if (sent == 0 || failed.status == IoResult::Status::kLost) return failed;
      return {.status = IoResult::Status::kOk, .bytes = sent};
    }
    unsent_bytes_ = 0;
    sent += taken;
    offset += taken;
    while (offset > pieces.front().iov_len) {
      offset -= pieces.front().iov_len;
      pieces = pieces.subspan(1);
    }
  }
  return {.status = IoResult::Status::kOk, .bytes = sent};
}

void TlsSession::say_goodbye() {
  ERR_clear_error();
  SSL_shutdown(session_.get());
  ERR_clear_error();
}

}  // namespace fairlead::net
