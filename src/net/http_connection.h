#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/exchange.h"
#include "net/gate.h"
#include "net/handshake.h"
#include "net/http_reader.h"
#include "net/http_writer.h"
#include "net/pollable.h"
#include "net/send_queue.h"
#include "net/socket.h"

namespace fairlead::net {

class HttpConnection;

/// The way from an exchange, which its handler may keep for long, to a connection that may be gone.
struct HttpLink {
  HttpConnection* connection = nullptr;
};

/// A socket that speaks HTTP/1.1, owned by its reactor: one request at a time is with the handler,
/// what comes behind it waits, and answers leave in order. Ends, or becomes a WebSocket.
class HttpConnection final : public Pollable {
 public:
  using Taker = std::move_only_function<void(std::unique_ptr<Transport>)>;

  /// `remote` is the peer's address, as requests will tell it.
  HttpConnection(Reactor& host, Socket socket, std::string remote, RequestHandler& handler,
                 Pass pass);
  ~HttpConnection() override;
  void begin();

  /// The answer to the running request.
  void respond(HttpResponse response);
  /// The same, its body still to be made.
  void stream(HttpResponse head, std::unique_ptr<BodySource> source);
  /// Becomes a WebSocket once the running callback has returned.
  void upgrade(std::string_view protocol, std::size_t max_message_bytes, Taker taker);

  void on_events(std::uint32_t events) override;
  void on_ready() override;
  Sending outgoing() override;
  void on_flushed(const Sending& sent) override;
  void on_deadline() override;
  void on_memory_short() override { cut(); }
  bool owes_answer() const override { return phase_ != Phase::kReading || !queue_.is_empty(); }

 private:
  enum class Phase : std::uint8_t {
    kReading,
    /// A request is with the handler.
    kHandling,
    /// Its body is being made.
    kStreaming,
    kUpgrading,
    /// What is queued leaves, then the socket closes.
    kClosing,
  };
  struct Upgrade {
    std::string protocol;
    std::size_t max_message_bytes = 0;
    Taker taker;
  };

  void read();
  void process(std::string_view input);
  void start_request();
  void refuse(const HttpRefusal& refusal, const HttpRequest& request);
  void release_exchange();
  void queue_response(HttpResponse response);
  void pull();
  void take_piece(std::optional<BodySource::Piece> piece);
  void end_body();
  void cut();
  /// Too much waits for the peer to begin another request.
  bool is_clogged() const;
  void update_interest();
  void update_deadline();
  void update_held();
  /// Forgets the running exchange and has the reactor destroy this object at the end of its turn.
  void end();
  void end_orderly();
  bool is_writing() const { return is_blocked_ || phase_ == Phase::kClosing; }
  void finish_upgrade();
  std::string switching_protocols(std::string_view extensions) const;

  Reactor& host_;
  Socket socket_;
  RequestHandler& handler_;
  Pass pass_;
  HttpReader reader_;
  SendQueue queue_;
  /// Bytes read and not taken by the reader.
  std::string unread_;
  std::string remote_;
  Handshake handshake_;
  ResponseFraming framing_;
  std::shared_ptr<HttpLink> link_;
  std::unique_ptr<Upgrade> upgrade_;
  std::unique_ptr<BodySource> source_;
  /// When the first byte of the running request came; 0 while there is none.
  std::int64_t request_began_ms_ = 0;
  /// Since when an answer waits for the peer, and what it had taken then; 0 while none does.
  std::int64_t write_began_ms_ = 0;
  std::uint64_t written_before_ = 0;
  Phase phase_ = Phase::kReading;
  bool is_blocked_ = false;
  /// `unread_` is to be processed before the socket is read.
  bool has_more_ = false;
  /// A piece was asked for and has not come.
  bool is_pulling_ = false;
  bool is_in_source_ = false;
};

}  // namespace fairlead::net
