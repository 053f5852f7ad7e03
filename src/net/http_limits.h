#pragma once

#include <cstddef>
#include <cstdint>

namespace fairlead::net {

/// Bounds of what strangers may send over HTTP/1.1. Each passed bound has its status.
struct HttpLimits {
  /// Request target: 414 above.
  std::size_t max_target_bytes = 16 * 1024;
  /// All header lines together: 431 above.
  std::size_t max_header_bytes = 32 * 1024;
  /// Number of header lines: 431 above.
  std::size_t max_header_lines = 128;
  /// Body, after chunks are joined: 413 above.
  std::size_t max_body_bytes = 16 * 1024 * 1024;
  /// From the first byte of a request to its last, and longer for a body by its size at
  /// min_bytes_per_second: 408 after.
  std::int64_t request_timeout_ms = 10'000;
  /// Without any request, from the start or since the last answer: closed after.
  std::int64_t idle_timeout_ms = 60'000;
  /// Of this time a peer may take, of an answer that waits, less than min_bytes_per_second: dropped
  /// after.
  std::int64_t write_timeout_ms = 30'000;
  /// The slowest body or answer that is waited for.
  std::int64_t min_bytes_per_second = 500;
  /// While that much of earlier answers waits for the peer, no further request of it is begun.
  std::size_t max_unsent_bytes = 256 * 1024;
};

}  // namespace fairlead::net
