#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/transport.h"

namespace fairlead::net {

/// One HTTP/1.1 request, whole (RFC 9112). Header names are lower case.
struct HttpRequest {
  std::string method;
  /// As sent, percent-encoded, without the query; begins with '/', or is `*` (OPTIONS).
  std::string path;
  /// Behind the '?', as sent; empty when there is none.
  std::string query;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  /// The peer's address, such as `192.0.2.7:4711` or `[2001:db8::1]:4711`.
  std::string remote;
  bool is_tls = false;

  bool has_header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return true;
    }
    return false;
  }
  /// The first header of that (lower-case) name, or empty.
  std::string_view header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return {};
  }
};

struct HttpResponse {
  int status = 200;
  /// Content-Length, Date, Connection are added by the codec.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

/// A body that is made while it is sent, on the reactor's thread. Destroyed when it has ended, the
/// peer has gone, or it takes too long; never inside next().
class BodySource {
 public:
  struct Piece {
    std::string bytes;
    bool is_last = false;
  };
  /// Nothing: the body cannot go on. The connection is cut, so that the peer sees that it is not
  /// whole.
  using Completion = std::move_only_function<void(std::optional<Piece>)>;

  virtual ~BodySource() = default;
  /// The next piece, asked for when the peer has taken most of those before. `done` runs once, on
  /// this thread, inside the call or later, also after this source is gone (then to no effect).
  virtual void next(Completion done) = 0;
};

/// The answer to one request, owed exactly once, now or later, on the reactor's thread. Answers
/// after the peer has gone are dropped. Destroyed unanswered, it answers 500.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual void respond(HttpResponse response) = 0;
  /// The same with a body out of `source` (that of `head` is not looked at): in chunks, or in
  /// HTTP/1.0 up to the end of the connection.
  virtual void stream(HttpResponse head, std::unique_ptr<BodySource> source) = 0;
  /// Whether the request is a well-formed WebSocket handshake (RFC 6455, 4.2.1). When it asks for
  /// `Upgrade: websocket` and is malformed the codec has answered by itself (400, or 426 with
  /// Sec-WebSocket-Version: 13) and no request is delivered.
  virtual bool is_upgrade() const = 0;
  /// Subprotocols offered, in order (RFC 6455, 11.3.4).
  virtual const std::vector<std::string>& offered_protocols() const = 0;
  /// Answers 101 (queued: it leaves with the first frames of the new host, or at the end of this
  /// turn) and yields the WebSocket, detached, through `taker` after the running callback returned.
  /// `protocol` empty: none is echoed. `max_message_bytes` bounds a message (else close 1009).
  virtual void upgrade(std::string_view protocol, std::size_t max_message_bytes,
                       std::move_only_function<void(std::unique_ptr<Transport>)> taker) = 0;
};

/// Answers requests of all connections of one reactor, on its thread.
class RequestHandler {
 public:
  virtual ~RequestHandler() = default;
  virtual void on_request(HttpRequest request, std::unique_ptr<Exchange> exchange) = 0;
  /// A request that never gets that far is refused with `response`, which may be given further
  /// headers. Of `request` there is what was understood: its head, or nothing.
  virtual void on_refused(const HttpRequest& request, HttpResponse& response) {
    static_cast<void>(request);
    static_cast<void>(response);
  }
};

}  // namespace fairlead::net
