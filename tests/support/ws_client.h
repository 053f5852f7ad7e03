#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "support/compression.h"
#include "support/http_client.h"
#include "support/json.h"
#include "support/socket.h"
#include "support/ws_frame.h"

namespace fairlead::support {

struct WsOptions {
  std::string path = "/v1/ws";
  /// Sent as `Authorization: Bearer`, unless empty.
  std::string token = {};
  std::vector<std::string> protocols = {"fairlead.v1.json"};
  /// Whole lines without their end.
  std::vector<std::string> headers = {};
  bool answers_pings = true;
  int receive_buffer_bytes = 0;
  /// Sec-WebSocket-Extensions, such as `permessage-deflate`; none when empty.
  std::string extensions = {};
  /// Without it in clear.
  std::optional<TlsOptions> tls = {};
  /// Sent before all else, TLS too.
  std::string preamble = {};
};

/// How a connection ended. 1005: a close frame without a code; 1006: no close frame at all.
struct Closed {
  int code = 0;
  std::string reason;
};

/// The answer to an upgrade, also when it is refused.
HttpResponse upgrade(std::uint16_t port, const WsOptions& options);

/// A blocking WebSocket client of its own making, so that it shares no mistake with the hub's. It
/// also watches the hub: frames that a server must not send, a message that is not UTF-8 or not
/// JSON, or a member that is there twice, are failures. What it received last is in every failure.
class WsClient {
 public:
  using Where = std::source_location;
  using Predicate = std::function<bool(const Json&)>;

  /// Throws Failure with the response when the upgrade is refused, Disconnected when it is not
  /// answered or nobody listens.
  WsClient(std::uint16_t port, WsOptions options, Where where = Where::current());

  /// The subprotocol that the hub chose, or empty.
  const std::string& protocol() const { return protocol_; }
  /// The extensions that it agreed to, with their parameters, or empty.
  const std::string& extensions() const { return extensions_; }
  /// The lengths of its compressed messages so far, as they were sent.
  const std::vector<std::size_t>& compressed() const { return compressed_; }

  void send(const Json& message) { send_text(message.dump()); }
  void send_text(std::string_view text) {
    send_frame({.opcode = kText, .payload = std::string(text)});
  }
  void send_binary(std::string_view bytes) {
    send_frame({.opcode = kBinary, .payload = std::string(bytes)});
  }
  void send_frame(const Frame& frame) { send_raw(encode_masked(frame)); }
  void send_raw(std::string_view bytes) { socket_.send(bytes); }
  void send_close(int code, std::string_view reason = "");

  /// The next message; Failure when the hub closes or nothing comes in time, Disconnected when the
  /// connection ends without a close frame.
  Json receive(Where where = Where::current());
  /// The next message, which must be of this type.
  Json expect(std::string_view type, Where where = Where::current());
  /// The next message that fits; those before it are dropped.
  Json expect_until(const Predicate& fits, Where where = Where::current());
  Json expect_until(std::string_view type, Where where = Where::current());
  /// The next message, which must be an error with this code.
  Json expect_error(std::string_view code, Where where = Where::current());
  /// Reads to the end of the connection, dropping messages, and requires the close code.
  Closed expect_close(int code, Where where = Where::current());
  /// The next frame as it came; control frames too, when `answers_pings` is off.
  Frame receive_frame(Where where = Where::current());

  /// Sends with an `id` of its own, unless there is one, and returns the reply with that id. What
  /// comes before the reply is kept, in order, for the calls above.
  Json request(Json message, Where where = Where::current());
  /// The same, and the reply must be an ack.
  Json ack(Json message, Where where = Where::current());
  /// The same, and the reply must be an error with this code.
  Json refused(std::string_view code, Json message, Where where = Where::current());
  /// Proves by a heartbeat that nothing else comes before its reply, then is as before.
  void expect_nothing(Where where = Where::current());
  /// Closes with 1000 and waits for the hub's close frame.
  void close(Where where = Where::current());
  Socket& socket() { return socket_; }

 private:
  struct Arrived {
    bool is_close = false;
    std::string payload;
  };
  bool fill(Deadline deadline, const Where& where);
  Frame next_frame(Deadline deadline, const Where& where);
  Arrived next(Deadline deadline, const Where& where);
  Json next_json(Deadline deadline, const Where& where);
  void remember(std::string_view what);
  std::string with_log(const std::string& text) const;
  [[noreturn]] void fail(const Where& where, const std::string& text) const;
  [[noreturn]] void fail_gone(const std::string& text) const;

  Socket socket_;
  bool answers_pings_;
  std::string protocol_;
  std::string extensions_;
  std::unique_ptr<Decompressor> decompressor_;
  std::vector<std::size_t> compressed_;
  std::string buffer_;
  std::deque<Json> kept_;
  std::deque<std::string> log_;
  int last_id_ = 0;
};

}  // namespace fairlead::support
