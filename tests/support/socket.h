#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "support/deadline.h"
#include "support/tls_stream.h"

namespace fairlead::support {

/// A blocking TCP connection to a port of this machine, with TLS once it is asked for; every wait
/// has an end.
class Socket {
 public:
  /// Throws Disconnected when nobody listens there.
  /// `receive_buffer_bytes` above 0 makes the kernel's buffer that small, for slow readers.
  explicit Socket(std::uint16_t port, int receive_buffer_bytes = 0);
  ~Socket();
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;

  /// From now on everything goes through TLS. As TlsStream's constructor.
  void start_tls(const TlsOptions& options);
  /// Null in clear.
  TlsStream* tls() { return tls_.get(); }

  /// Throws Failure when the peer does not take the bytes in time; false when it is gone.
  bool send(std::string_view bytes, Deadline deadline = Deadline{});
  /// Appends what arrives next to `into`; false at the end, also by a reset.
  /// Throws Failure when nothing comes in time.
  bool receive(std::string& into, Deadline deadline);
  /// Takes what has arrived already, without waiting.
  void receive_what_is_there(std::string& into);
  /// No more bytes from us; theirs are still read.
  void shut_writing();
  void close();
  /// Ends it with a reset, as a crash or a cut cable does.
  void reset();

 private:
  int fd_ = -1;
  std::unique_ptr<TlsStream> tls_;
};

}  // namespace fairlead::support
