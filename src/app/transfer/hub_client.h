#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "app/transfer/options.h"
#include "base/result.h"
#include "net/url.h"

namespace fairlead::app::transfer {

/// What the hub answered.
struct Answer {
  int status = 0;
  std::string body;
  /// The target that `Link: …; rel=next` names.
  std::optional<std::string> next;
};

struct Request {
  std::string_view method = "GET";
  std::string target;
  std::string_view accept = "application/json";
  /// JSON; nothing: no body.
  std::optional<std::string> body;
};

/// HTTP to one hub, one request at a time on a connection that is kept. Blocks. A hub that is away,
/// overloaded or has enough for the moment is asked again, so every request must be one that may be
/// made twice; but where none has ever answered, that is an error at once.
class HubClient {
 public:
  /// Reads the token, or the secret to mint one. Does not connect yet.
  static Result<HubClient> open(const HubOptions& options);
  ~HubClient();
  HubClient(HubClient&&) noexcept;
  HubClient& operator=(HubClient&&) = delete;

  /// The answer, whatever its status, but never 429 or 503. An error when the hub was away for
  /// kPatienceMs.
  Result<Answer> ask(const Request& request);
  /// The same, where all but 2xx is an error with the hub's own words.
  Result<Answer> demand(const Request& request);

  static constexpr std::int64_t kPatienceMs = 60'000;

 private:
  struct Line;

  HubClient(const HubOptions& options, net::Url url, std::string credential);
  Result<Answer> try_once(const Request& request);
  Result<Answer> receive(std::int64_t timeout_ms);
  std::string token() const;

  const HubOptions options_;
  const net::Url url_;
  /// A token, or the secret.
  const std::string credential_;
  /// Null while there is no connection.
  std::unique_ptr<Line> line_;
  bool has_answered_ = false;
};

/// The hub's own words for a refusal.
Error problem_of(const Answer& answer);

/// A device's path, `/v1/devices/<id>`, and what is below it.
std::string device_target(std::string_view id, std::string_view below = "");

}  // namespace fairlead::app::transfer
