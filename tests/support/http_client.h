#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/json.h"
#include "support/socket.h"

namespace fairlead::support {

struct HttpResponse {
  int status = 0;
  /// Names in lower case, in the order they came.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  /// The first value of the header, or nothing. `name` in lower case.
  std::string header(std::string_view name) const;
  /// The body as JSON; Failure, with the body, when it is none.
  Json json() const;
};

/// One connection: any bytes out, whole responses in. Nothing of it mends what a test writes.
class HttpConnection {
 public:
  explicit HttpConnection(std::uint16_t port, const std::optional<TlsOptions>& tls = {});

  void send(std::string_view bytes);
  /// The next response; `to_head` because only the request tells that no body follows.
  /// Interim responses (100) are returned like any other.
  HttpResponse receive(bool to_head = false, Deadline deadline = Deadline{});
  /// True when the peer closes before it sends another byte; Failure when it does neither.
  bool is_closed_by_peer(Deadline deadline = Deadline{});
  Socket& socket() { return socket_; }

 private:
  std::string take_line(Deadline deadline);
  std::string take(std::size_t bytes, Deadline deadline);
  std::string take_chunks(Deadline deadline);
  void need(bool arrived) const;

  Socket socket_;
  std::string buffer_;
};

/// Requests with a token, each on a connection of its own.
class HttpClient {
 public:
  /// An empty token sends no Authorization.
  HttpClient(std::uint16_t port, std::string token, std::optional<TlsOptions> tls = {})
      : port_(port), token_(std::move(token)), tls_(std::move(tls)) {}

  HttpResponse get(std::string_view target, std::vector<std::string> headers = {}) const;
  HttpResponse head(std::string_view target) const;
  HttpResponse post(std::string_view target, const Json& body) const;
  HttpResponse put(std::string_view target, const Json& body) const;
  HttpResponse patch(std::string_view target, const Json& body) const;
  HttpResponse del(std::string_view target) const;
  /// `headers` are whole lines without their end.
  HttpResponse request(std::string_view method, std::string_view target,
                       std::optional<std::string> body, std::vector<std::string> headers = {},
                       Deadline deadline = Deadline{}) const;
  /// All items of a paged list, its pages checked to be no longer than `limit`.
  Json::Array list(std::string_view target, int limit = 1000) const;

 private:
  std::uint16_t port_;
  std::string token_;
  std::optional<TlsOptions> tls_;
};

/// `/` and all else that a path segment may not hold, percent-encoded.
std::string path_segment(std::string_view text);

}  // namespace fairlead::support
