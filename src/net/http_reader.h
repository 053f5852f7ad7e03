#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "net/chunked_body.h"
#include "net/exchange.h"
#include "net/http_head.h"
#include "net/http_limits.h"

namespace fairlead::net {

/// HTTP/1.1 requests out of bytes (RFC 9112), one after the other. Knows no socket.
class HttpReader {
 public:
  enum class Progress : std::uint8_t {
    /// All of the input was taken, and a request is not whole.
    kNeedMore,
    /// The client waits for `100 Continue`; then read on.
    kContinue,
    /// take_request() has it; what is left in the input belongs to the next.
    kRequest,
    /// refusal() says why; nothing more can be read.
    kRefused,
  };

  /// `limits` outlives the reader.
  explicit HttpReader(const HttpLimits& limits);

  /// Takes bytes off the front of `input`.
  Progress read(std::string_view& input);
  /// After kRequest, once; then the next can be read. `remote` and `is_tls` are the caller's.
  HttpRequest take_request();
  /// Of the request that take_request() gave last, or that is being read.
  const HeadFacts& facts() const { return facts_; }
  const HttpRefusal& refusal() const { return refusal_; }
  /// What is understood so far of the request that is being read, or that was refused.
  const HttpRequest& unfinished() const { return request_; }
  /// Bytes that have come of the body that is being read.
  std::size_t body_bytes() const { return is_in_body_ ? request_.body.size() : 0; }
  /// Nothing of a next request has come yet.
  bool is_idle() const { return !is_in_body_ && scanner_.is_empty(); }

 private:
  Progress refuse(int status, std::string_view detail);
  Progress begin();
  Progress read_body(std::string_view& input);

  const HttpLimits& limits_;
  HeadScanner scanner_;
  HttpRequest request_;
  ChunkedBody chunks_;
  HeadFacts facts_;
  HttpRefusal refusal_;
  bool is_in_body_ = false;
  bool is_refused_ = false;
};

}  // namespace fairlead::net
