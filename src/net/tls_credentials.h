#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "net/tls_context.h"

namespace fairlead::net {

/// A server's TLS context, which a reload replaces: handshakes that begin later use the new one,
/// open connections keep theirs. Any thread.
class TlsCredentials {
 public:
  /// Errors are those of TlsContext::for_server.
  static Result<std::shared_ptr<TlsCredentials>> open(TlsFiles files, std::int64_t now_ms) {
    auto first = TlsContext::for_server(files, now_ms);
    if (!first) return std::unexpected(std::move(first.error()));
    return std::make_shared<TlsCredentials>(std::move(files), *std::move(first));
  }
  /// Use open().
  TlsCredentials(TlsFiles files, std::shared_ptr<const TlsContext> first)
      : files_(std::move(files)), current_(std::move(first)) {}

  /// Reads the files anew. After an error the context in force stays.
  Result<void> reload(std::int64_t now_ms) {
    auto next = TlsContext::for_server(files_, now_ms);
    if (!next) return std::unexpected(std::move(next.error()));
    const std::scoped_lock lock(mutex_);
    current_ = *std::move(next);
    return {};
  }

  std::shared_ptr<const TlsContext> current() const {
    const std::scoped_lock lock(mutex_);
    return current_;
  }

 private:
  const TlsFiles files_;
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsContext> current_;
};

}  // namespace fairlead::net
