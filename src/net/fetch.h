#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/url.h"

namespace fairlead::net {

struct FetchOptions {
  /// Certificates (PEM) that are trusted beside the system's; may be empty.
  std::string ca_file;
  /// For all of it: name, connection, handshake, answer.
  std::int64_t timeout_ms = 5000;
  std::size_t max_body_bytes = 1024UL * 1024;
};

struct Fetched {
  std::string body;
  /// `Cache-Control: max-age`; 0 for `no-store` and `no-cache`.
  std::optional<std::int64_t> max_age_s;
};

/// GET, once: only a 200 is an answer, a redirect is an error. Blocks, and ends early when `stop`
/// is requested: for a thread that may block, never a shard's. Errors are kOverloaded and say what
/// failed.
Result<Fetched> fetch(const Url& url, const FetchOptions& options, const std::stop_token& stop);

/// The answer out of bytes, sans I/O.
class FetchReader {
 public:
  explicit FetchReader(std::size_t max_body_bytes);
  ~FetchReader();
  FetchReader(const FetchReader&) = delete;
  FetchReader& operator=(const FetchReader&) = delete;

  /// True when the answer is whole.
  Result<bool> take(std::string_view input);
  /// The server has closed; an error where that cuts the answer.
  Result<void> end();
  Fetched result() &&;

 private:
  struct State;
  Result<void> take_head(std::string_view head);
  Result<bool> take_body(std::string_view input);

  std::unique_ptr<State> state_;
};

}  // namespace fairlead::net
