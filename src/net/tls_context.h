#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"

extern "C" {
struct ssl_ctx_st;
}

namespace fairlead::net {

/// Where a server's identity lies, all PEM.
struct TlsFiles {
  /// The server's certificate, then those that lead to its root.
  std::string certificate;
  /// In clear, in a file that only its owner may read.
  std::string key;
  /// Roots for certificates of clients, which are then demanded of each; empty: none is asked for.
  std::string client_ca;
};

/// Everything that TLS connections share, fixed once made: certificate, key, ciphers, the keys that
/// seal session tickets. TLS 1.2 and 1.3; ALPN offers http/1.1 alone. Any thread may use it.
class TlsContext {
 public:
  /// Errors (kInvalid) name the key of the configuration, the file and the cause. `now_ms` is the
  /// wall clock's, by which a certificate has expired. Blocks on the disk.
  static Result<std::shared_ptr<const TlsContext>> for_server(const TlsFiles& files,
                                                              std::int64_t now_ms);
  /// For connecting. Servers are checked against the roots of `ca_file`, or the system's where it
  /// is empty; not at all where `verifies` is false.
  static Result<std::shared_ptr<const TlsContext>> for_client(const std::string& ca_file,
                                                              bool verifies);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  ssl_ctx_st* get() const { return context_.get(); }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  TlsContext();

  std::unique_ptr<ssl_ctx_st, Free> context_;
};

}  // namespace fairlead::net
