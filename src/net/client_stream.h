#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/patience.h"
#include "net/socket.h"
#include "net/url.h"

namespace fairlead::net {

/// A connection to a server, plain or TLS 1.2 and up with its certificate checked for the URL's
/// host. It blocks, as long as the patience lasts: for a thread that may, never a shard's. Errors
/// are kOverloaded and say what failed.
class ClientStream {
 public:
  /// `ca_file`: certificates (PEM) that are trusted beside the system's; may be empty.
  static Result<ClientStream> connect(const Url& url, const std::string& ca_file,
                                      const Patience& patience);
  ~ClientStream();
  ClientStream(ClientStream&&) noexcept;
  ClientStream& operator=(ClientStream&&) noexcept;

  Result<void> write(std::string_view bytes, const Patience& patience);
  /// The number of bytes read; 0 at the end. Under TLS an end without close_notify is an error: it
  /// may be a cut.
  Result<std::size_t> read(std::span<char> into, const Patience& patience);

 private:
  struct Tls;
  explicit ClientStream(Socket socket);
  Result<void> begin_tls(const Url& url, const std::string& ca_file, const Patience& patience);
  Result<std::size_t> read_plain(std::span<char> into, const Patience& patience) const;

  Socket socket_;
  /// Null: plain.
  std::unique_ptr<Tls> tls_;
};

}  // namespace fairlead::net
