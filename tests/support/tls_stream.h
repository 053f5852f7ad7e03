#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/certificates.h"
#include "support/deadline.h"

extern "C" {
struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;
}

namespace fairlead::support {

/// What a later connection resumes a session with.
using TlsTicket = std::shared_ptr<ssl_session_st>;

struct TlsOptions {
  /// PEM; the server must prove by it that it is 127.0.0.1.
  std::string roots = {};
  /// Shown to a server that asks.
  std::optional<Identity> identity = {};
  /// 0: any; else the one of OpenSSL's numbers, such as 0x0304.
  int version = 0;
  std::vector<std::string> protocols = {};
  TlsTicket ticket = {};
};

/// The client's side of TLS on a descriptor that it does not own, non-blocking inside.
class TlsStream {
 public:
  /// Shakes hands; throws Failure with the alert or the cause, Disconnected when the peer is gone.
  TlsStream(int fd, const TlsOptions& options);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  /// As Socket's.
  bool send(std::string_view bytes, Deadline deadline);
  /// As Socket's; an alert is a Failure with its name.
  bool receive(std::string& into, Deadline deadline);
  void receive_what_is_there(std::string& into);
  void say_goodbye();

  /// Such as `TLSv1.3`.
  std::string version() const;
  std::string protocol() const;
  bool was_resumed() const;
  /// The common name in the server's certificate.
  std::string server_name() const;
  /// The newest that the server has sent.
  TlsTicket ticket() const;

 private:
  struct FreeContext {
    void operator()(ssl_ctx_st* context) const;
  };
  struct FreeSession {
    void operator()(ssl_st* session) const;
  };
  enum class Outcome { kAgain, kEnd };
  /// Waits for what OpenSSL wants, or throws.
  Outcome settle(int result, Deadline deadline);

  std::unique_ptr<ssl_ctx_st, FreeContext> context_;
  std::unique_ptr<ssl_st, FreeSession> session_;
  int fd_;
};

}  // namespace fairlead::support
