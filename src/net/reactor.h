#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mailbox.h"
#include "base/memory_meter.h"
#include "base/turn_clock.h"
#include "net/deadline_wheel.h"
#include "net/deflate.h"
#include "net/exchange.h"
#include "net/gate.h"
#include "net/http_limits.h"
#include "net/pollable.h"
#include "net/send_buffers.h"
#include "net/sender.h"
#include "net/socket.h"
#include "net/timer_queue.h"
#include "net/transport.h"

namespace boost::asio {
class io_context;
}

namespace fairlead::net {

/// What a reactor has done since it began. Read on its thread.
struct ReactorCounters {
  std::uint64_t accepts = 0;
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t requests = 0;
  std::uint64_t upgrades = 0;
  std::uint64_t turns = 0;
  /// Messages that were deflated; one that goes to many is counted once.
  std::uint64_t deflates = 0;
  /// Bytes that compression kept off the sockets. Contexts are told even of what does not compress,
  /// which adds a few bytes.
  std::int64_t deflate_saved_bytes = 0;
  /// Sockets that are not through their PROXY header or TLS handshake; now, not since the begin.
  std::uint64_t newcomers = 0;
  /// Of those, by what became of them: handshakes whole and from a ticket, and failed ones; too
  /// late; dropped for newer ones; a PROXY header that is none.
  std::uint64_t tls_full = 0;
  std::uint64_t tls_resumed = 0;
  std::uint64_t tls_failed = 0;
  std::uint64_t newcomers_late = 0;
  std::uint64_t newcomers_dropped = 0;
  std::uint64_t bad_proxy_headers = 0;
  /// WebSocket violations by the code we closed with (1002, 1007, 1009).
  std::map<std::uint16_t, std::uint64_t> protocol_errors;
};

struct ReactorOptions {
  HttpLimits http{};
  /// How long a closing WebSocket waits for the peer's close frame, and then for its FIN.
  std::int64_t close_timeout_ms = 2'000;
  /// permessage-deflate where the peer offers it; off by default.
  std::optional<DeflateOptions> deflate{};
  /// Where sockets tell what they hold; outlives the reactor. Null: nowhere.
  MemoryMeter* memory = nullptr;
};

/// One thread's event loop: an epoll set for our sockets, hosted in an Asio io_context for the slow
/// half (signals, resolving, timers' waking). One per shard.
///
/// A turn: events of sockets; posted tasks; timers; what was made ready; the end hook; flush of
/// every socket with something to send. Everything belongs to the thread that runs it, except
/// post() and stop(). Transports attached to it are to be destroyed or handed over first; one that
/// outlives it is cut off and tells its handler nothing.
class Reactor final : public TransportHost {
 public:
  using Task = std::move_only_function<void()>;
  using NextDue = std::move_only_function<std::optional<std::int64_t>()>;

  /// `clock` outlives the reactor. `sender` null: a PlainSender.
  explicit Reactor(const Clock& clock, const ReactorOptions& options = {},
                   std::unique_ptr<Sender> sender = nullptr);
  ~Reactor() override;
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// For resolvers, signals and the like; their handlers run between turns, on this thread, and a
  /// turn follows. Never stop() it: stop the reactor.
  boost::asio::io_context& context();

  /// Turns until stop().
  void run();
  /// From any thread: run() returns after the running turn. For good.
  void stop();
  /// One turn, after waiting at most `wait` for something to do.
  void run_turn(std::chrono::milliseconds wait);

  /// From any thread: runs `task` in a later turn on this reactor's thread. Tasks of one thread run
  /// in order; many posted together wake the reactor once. Dropped if the reactor ends first.
  void post(Task task);

  /// `end` is called once a turn, after everything was handled and before the flush. `next_due`
  /// says, between turns, when (of the clock's steady_ms) the next one is to begin at the latest,
  /// for what only its owner knows.
  void set_turn(Task end, NextDue next_due);

  /// Runs `task` once, in the first turn at or after that many ms from now.
  TimerQueue::Id call_after(std::int64_t delay_ms, Task task);
  /// Runs `task` every `period_ms`, first after one period; a late turn does not make up for lost
  /// ones. There is no id: it runs until the reactor is destroyed or `task` returns false.
  void call_every(std::int64_t period_ms, std::move_only_function<bool()> task);
  void cancel(const TimerQueue::Id& id) { timers_.cancel(id); }

  void attach(Transport& transport, MessageHandler& handler) override;
  void hold_reading(bool is_held) override { is_reading_held_ = is_held; }

  /// Talks HTTP on a connected, non-blocking stream socket until it upgrades or closes. `handler`
  /// outlives the reactor's last turn. `remote` is the peer's address where a proxy has told it;
  /// empty: the kernel knows.
  void serve(Socket socket, RequestHandler& handler, std::string remote = {}, Pass pass = {});

  /// From now on a request is answered 503, and a connection closes behind its answer. For good.
  void drain() { is_draining_ = true; }
  bool is_draining() const { return is_draining_; }
  /// Whether a request is with its handler, or an answer not yet with its peer.
  bool owes_answers() const;

  const ReactorCounters& counters() const { return counters_; }
  /// Sockets open here, listeners not counted.
  std::size_t connections() const { return connections_; }
  const ReactorOptions& options() const { return options_; }
  /// How it sends by now; on its thread.
  std::string_view io() const { return sender_->name(); }
  /// As of the beginning of this turn; before the first, of the reactor's making.
  const Clock& clock() const { return turn_clock_; }
  /// Its monotonic half.
  std::int64_t now_ms() const { return turn_clock_.steady_ms(); }
  /// An IMF-fixdate, for HTTP.
  std::string_view http_date();

  // ---- for Pollables ----------------------------------------------------------------------------

  enum class Kind : std::uint8_t { kConnection, kListener };
  void watch(Pollable& pollable, int fd, std::uint32_t interest, Kind kind = Kind::kConnection);
  void set_interest(Pollable& pollable, std::uint32_t interest);
  /// Before its descriptor is closed or given away. A second time nothing happens.
  void forget(Pollable& pollable);
  /// The same when the descriptor is closed before the turn is over: it leaves the epoll set by
  /// itself.
  void forget_closing(Pollable& pollable);
  /// Whether the pollable whose callback is running is still watched: false when what it called in
  /// turn has destroyed it. The pointer is compared, not followed.
  bool is_running(const Pollable* pollable) const { return running_ == pollable; }
  void make_ready(Pollable& pollable);
  bool is_reading_held() const { return is_reading_held_; }
  /// Makes it ready when reading is not held any more: in the order held, kGoingOnPerTurn a turn.
  void hold(Pollable& pollable);
  void want_flush(Pollable& pollable);
  /// At or after `at_ms` (of now_ms) on_deadline is called; 0 calls it off.
  void set_deadline(Pollable& pollable, std::int64_t at_ms);
  /// What a pollable holds for its peer now: bytes not taken by the kernel, bytes not yet handled.
  void set_held(Pollable& pollable, std::size_t queued, std::size_t received);
  /// Owns it until dispose() or the end.
  void adopt(std::unique_ptr<Pollable> pollable);
  /// Forgets one that was adopted and destroys it at the end of the turn.
  void dispose(Pollable& pollable);
  /// Takes over a socket that has sent its last: reads it empty until the peer's FIN, bounded, so
  /// that what was sent last is not lost in a reset.
  void linger(Socket socket);
  /// Scratch space of the turn, followed by kReceivePadding readable bytes.
  std::span<char> receive_buffer() { return {receive_.data(), kReceiveBytes}; }
  SendBuffers& send_buffers() { return send_buffers_; }
  ReactorCounters& count() { return counters_; }
  /// Without context, so for any connection that agreed on that window; 270 KB once it was used.
  Deflater& deflater(int window_bits);

  static constexpr std::size_t kReceiveBytes = 64 * 1024;
  static constexpr std::size_t kReceivePadding = 64;
  static constexpr std::size_t kFlushedTogether = 256;
  static constexpr std::size_t kGoingOnPerTurn = 256;

 private:
  struct Engine;
  using AllList = boost::intrusive::list<
      Pollable, boost::intrusive::member_hook<Pollable, Pollable::Hook, &Pollable::all_hook_>,
      boost::intrusive::constant_time_size<false>>;
  using ReadyList = boost::intrusive::list<
      Pollable, boost::intrusive::member_hook<Pollable, Pollable::Hook, &Pollable::ready_hook_>,
      boost::intrusive::constant_time_size<false>>;
  using FlushList = boost::intrusive::list<
      Pollable, boost::intrusive::member_hook<Pollable, Pollable::Hook, &Pollable::flush_hook_>,
      boost::intrusive::constant_time_size<false>>;

  void wait(std::optional<std::chrono::milliseconds> at_most);
  void turn();
  void handle_events();
  void run_posted();
  void run_ready();
  void flush();
  void flush_batch(FlushList& flushing);
  void tell_memory();
  void relieve();
  void go_on_reading();
  /// When a turn is to begin though nothing happens.
  std::optional<std::int64_t> next_due_ms();
  void repeat(std::int64_t period_ms, std::move_only_function<bool()> task);

  const Clock& clock_;
  TurnClock turn_clock_;
  const ReactorOptions options_;
  std::unique_ptr<Sender> sender_;
  std::unique_ptr<Engine> engine_;
  Mailbox<Task> posted_;
  std::vector<Task> taken_;
  Task end_turn_;
  NextDue next_due_;
  TimerQueue timers_;
  DeadlineWheel deadlines_;
  ReactorCounters counters_;
  std::size_t connections_ = 0;
  /// Since the meter was told.
  std::int64_t queued_change_ = 0;
  std::int64_t received_change_ = 0;
  std::atomic<bool> is_stopped_ = false;
  bool is_draining_ = false;
  bool is_reading_held_ = false;

  /// Whose callback is running; forget() clears it.
  Pollable* running_ = nullptr;
  AllList all_;
  ReadyList ready_;
  /// Whose reading is held, longest first. Linked with the hook of ready_.
  ReadyList held_;
  FlushList flushing_;
  std::map<Pollable*, std::unique_ptr<Pollable>> adopted_;
  std::vector<std::unique_ptr<Pollable>> disposed_;
  /// By window bits.
  std::map<int, Deflater> deflaters_;

  std::array<epoll_event, 256> events_{};
  /// Events of the running batch from here on are not handled yet; forget() clears them.
  std::size_t next_event_ = 0;
  std::size_t event_count_ = 0;
  /// What is flushed together: who, and what of it. forget() clears who is gone.
  std::array<Pollable*, kFlushedTogether> flushed_{};
  std::array<Sending, kFlushedTogether> sendings_{};
  std::size_t next_flushed_ = 0;
  std::size_t flushed_count_ = 0;
  std::vector<char> receive_;
  SendBuffers send_buffers_;
  std::string http_date_;
  std::int64_t http_date_second_ = -1;
};

}  // namespace fairlead::net
