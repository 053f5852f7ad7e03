#include "net/reactor.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "net/address.h"
#include "net/http_connection.h"
#include "net/http_writer.h"
#include "net/lingering.h"
#include "net/reactor_engine.h"
#include "net/websocket_connection.h"

namespace fairlead::net {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kMailboxHighMark = std::numeric_limits<std::size_t>::max();
constexpr std::int64_t kMsPerSecond = 1000;
/// Ending who holds less would not help.
constexpr std::size_t kWorthEnding = 16 * 1024;

}  // namespace

Pollable::~Pollable() {
  if (reactor_ != nullptr) reactor_->forget(*this);
}

Reactor::Reactor(const Clock& clock, const ReactorOptions& options, std::unique_ptr<Sender> sender)
    : clock_(clock),
      turn_clock_(clock),
      options_(options),
      sender_(sender ? std::move(sender) : std::make_unique<PlainSender>()),
      engine_(std::make_unique<Engine>()),
      posted_(kMailboxHighMark,
              [this] {
                if (engine_->is_asleep.load()) engine_->ring();
              }),
      deadlines_(clock.steady_ms()),
      receive_(kReceiveBytes + kReceivePadding) {}

Reactor::~Reactor() {
  // Tasks may own transports, and timers may refer to pollables: both go while we still stand.
  posted_.take(taken_);
  taken_.clear();
  timers_.clear();
  disposed_.clear();
  adopted_.clear();
  for (Pollable& pollable : all_) pollable.reactor_ = nullptr;
}

asio::io_context& Reactor::context() { return engine_->context; }

void Reactor::run() {
  while (!is_stopped_.load(std::memory_order_acquire)) {
    wait(std::nullopt);
    turn();
  }
}

void Reactor::stop() {
  is_stopped_.store(true, std::memory_order_release);
  engine_->ring();
}

void Reactor::run_turn(std::chrono::milliseconds at_most) {
  wait(at_most);
  turn();
}

std::optional<std::int64_t> Reactor::next_due_ms() {
  std::optional<std::int64_t> next;
  if (next_due_) next = next_due_();
  for (const auto other : {timers_.next_ms(), deadlines_.next_ms()}) {
    if (other) next = std::min(next.value_or(*other), *other);
  }
  return next;
}

void Reactor::wait(std::optional<std::chrono::milliseconds> at_most) {
  engine_->arm();
  if (const auto due = next_due_ms()) {
    const std::chrono::milliseconds left(std::max<std::int64_t>(*due - clock_.steady_ms(), 0));
    at_most = std::min(at_most.value_or(left), left);
  }
  // Before the look at what is posted: one who posts behind it sees the flag.
  engine_->is_asleep.store(true);
  const bool may_go_on = !is_reading_held_ && !held_.empty();
  const bool has_work = may_go_on || !ready_.empty() || !flushing_.empty() || posted_.size() > 0;
  if (has_work || (at_most && at_most->count() <= 0)) {
    engine_->context.poll();
  } else if (at_most) {
    engine_->context.run_one_for(*at_most);
  } else {
    engine_->context.run_one();
  }
  engine_->is_asleep.store(false);
}

void Reactor::turn() {
  ++counters_.turns;
  turn_clock_.tick();
  handle_events();
  run_posted();
  timers_.run_due(now_ms());
  deadlines_.run_due(now_ms(), [this](Pollable& pollable) {
    running_ = &pollable;
    pollable.on_deadline();
  });
  go_on_reading();
  run_ready();
  if (end_turn_) end_turn_();
  flush();
  tell_memory();
  relieve();
  disposed_.clear();
}

void Reactor::set_held(Pollable& pollable, std::size_t queued, std::size_t received) {
  if (pollable.reactor_ != this) return;
  constexpr std::size_t kMost = std::numeric_limits<std::uint32_t>::max();
  const auto queued_now = static_cast<std::uint32_t>(std::min(queued, kMost));
  const auto received_now = static_cast<std::uint32_t>(std::min(received, kMost));
  queued_change_ += std::int64_t{queued_now} - pollable.queued_bytes_;
  received_change_ += std::int64_t{received_now} - pollable.received_bytes_;
  pollable.queued_bytes_ = queued_now;
  pollable.received_bytes_ = received_now;
}

void Reactor::tell_memory() {
  if (options_.memory == nullptr) return;
  if (queued_change_ != 0) options_.memory->add(MemoryKind::kQueued, queued_change_);
  if (received_change_ != 0) options_.memory->add(MemoryKind::kReceived, received_change_);
  queued_change_ = 0;
  received_change_ = 0;
}

void Reactor::relieve() {
  if (options_.memory == nullptr || !options_.memory->is_over()) return;
  const auto held = [](const Pollable& each) {
    return std::size_t{each.queued_bytes_} + each.received_bytes_;
  };
  const auto most = std::ranges::max_element(all_, {}, held);
  if (most == all_.end() || held(*most) < kWorthEnding) return;
  running_ = &*most;
  most->on_memory_short();
  tell_memory();
}

void Reactor::handle_events() {
  if (!std::exchange(engine_->is_epoll_readable, false)) return;
  const int count =
      ::epoll_wait(engine_->epoll_fd, events_.data(), static_cast<int>(events_.size()), 0);
  event_count_ = static_cast<std::size_t>(std::max(count, 0));
  for (next_event_ = 0; next_event_ < event_count_;) {
    const epoll_event& event = events_[next_event_++];
    running_ = static_cast<Pollable*>(event.data.ptr);
    if (running_ != nullptr) running_->on_events(event.events);
  }
  event_count_ = 0;
}

void Reactor::run_posted() {
  posted_.take(taken_);
  for (Task& task : taken_) task();
  taken_.clear();
}

void Reactor::go_on_reading() {
  for (std::size_t i = 0; i < kGoingOnPerTurn && !is_reading_held_ && !held_.empty(); ++i) {
    make_ready(held_.front());
  }
}

void Reactor::run_ready() {
  // What becomes ready meanwhile waits for the next turn, behind everybody's events.
  ReadyList now;
  now.swap(ready_);
  while (!now.empty()) {
    Pollable& pollable = now.front();
    now.pop_front();
    running_ = &pollable;
    pollable.on_ready();
  }
}

void Reactor::flush() {
  FlushList now;
  now.swap(flushing_);
  while (!now.empty()) flush_batch(now);
}

void Reactor::flush_batch(FlushList& flushing) {
  flushed_count_ = 0;
  while (!flushing.empty() && flushed_count_ < kFlushedTogether) {
    Pollable& pollable = flushing.front();
    flushing.pop_front();
    flushed_[flushed_count_] = &pollable;
    sendings_[flushed_count_] = pollable.outgoing();
    ++flushed_count_;
  }
  sender_->send(std::span(sendings_).first(flushed_count_), send_buffers_);
  for (next_flushed_ = 0; next_flushed_ < flushed_count_;) {
    const Sending& sent = sendings_[next_flushed_];
    if (sent.queue != nullptr) ++counters_.writes;
    counters_.bytes_out += sent.bytes;
    running_ = flushed_[next_flushed_++];
    if (running_ != nullptr) running_->on_flushed(sent);
  }
  flushed_count_ = 0;
}

void Reactor::post(Task task) { posted_.put(std::move(task)); }

void Reactor::set_turn(Task end, NextDue next_due) {
  end_turn_ = std::move(end);
  next_due_ = std::move(next_due);
}

TimerQueue::Id Reactor::call_after(std::int64_t delay_ms, Task task) {
  return timers_.add(clock_.steady_ms() + delay_ms, std::move(task));
}

void Reactor::call_every(std::int64_t period_ms, std::move_only_function<bool()> task) {
  FAIRLEAD_ASSERT(period_ms > 0);
  repeat(period_ms, std::move(task));
}

void Reactor::repeat(std::int64_t period_ms, std::move_only_function<bool()> task) {
  timers_.add(clock_.steady_ms() + period_ms, [this, period_ms, task = std::move(task)]() mutable {
    if (task()) repeat(period_ms, std::move(task));
  });
}

void Reactor::attach(Transport& transport, MessageHandler& handler) {
  auto* connection = dynamic_cast<WebSocketConnection*>(&transport);
  FAIRLEAD_ASSERT(connection != nullptr);
  connection->attach_to(*this, handler);
}

void Reactor::serve(Socket socket, RequestHandler& handler, std::string remote, Pass pass) {
  if (remote.empty()) remote = remote_address(socket.fd());
  auto connection = std::make_unique<HttpConnection>(*this, std::move(socket), std::move(remote),
                                                     handler, std::move(pass));
  connection->begin();
  adopt(std::move(connection));
}

bool Reactor::owes_answers() const {
  return std::ranges::any_of(all_, [](const Pollable& each) { return each.owes_answer(); });
}

std::string_view Reactor::http_date() {
  const std::int64_t now = turn_clock_.now_ms();
  if (now / kMsPerSecond != http_date_second_) {
    http_date_second_ = now / kMsPerSecond;
    http_date_ = net::http_date(now);
  }
  return http_date_;
}

void Reactor::watch(Pollable& pollable, int fd, std::uint32_t interest, Kind kind) {
  FAIRLEAD_ASSERT(pollable.reactor_ == nullptr);
  epoll_event event{};
  event.events = interest;
  event.data.ptr = &pollable;
  FAIRLEAD_ASSERT(::epoll_ctl(engine_->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
  pollable.reactor_ = this;
  pollable.fd_ = fd;
  pollable.interest_ = interest;
  pollable.is_counted_ = kind == Kind::kConnection;
  if (pollable.is_counted_) ++connections_;
  all_.push_back(pollable);
}

void Reactor::set_interest(Pollable& pollable, std::uint32_t interest) {
  if (pollable.interest_ == interest || pollable.fd_ < 0) return;
  epoll_event event{};
  event.events = interest;
  event.data.ptr = &pollable;
  FAIRLEAD_ASSERT(::epoll_ctl(engine_->epoll_fd, EPOLL_CTL_MOD, pollable.fd_, &event) == 0);
  pollable.interest_ = interest;
}

void Reactor::forget(Pollable& pollable) {
  if (pollable.reactor_ != this) return;
  ::epoll_ctl(engine_->epoll_fd, EPOLL_CTL_DEL, pollable.fd_, nullptr);
  forget_closing(pollable);
}

void Reactor::forget_closing(Pollable& pollable) {
  if (pollable.reactor_ != this) return;
  if (running_ == &pollable) running_ = nullptr;
  for (std::size_t i = next_event_; i < event_count_; ++i) {
    if (events_[i].data.ptr == &pollable) events_[i].data.ptr = nullptr;
  }
  for (std::size_t i = next_flushed_; i < flushed_count_; ++i) {
    if (flushed_[i] == &pollable) flushed_[i] = nullptr;
  }
  set_held(pollable, 0, 0);
  deadlines_.set(pollable, 0);
  pollable.all_hook_.unlink();
  pollable.ready_hook_.unlink();
  pollable.is_held_ = false;
  pollable.flush_hook_.unlink();
  pollable.reactor_ = nullptr;
  pollable.fd_ = -1;
  if (pollable.is_counted_) --connections_;
}

void Reactor::make_ready(Pollable& pollable) {
  if (std::exchange(pollable.is_held_, false)) pollable.ready_hook_.unlink();
  if (!pollable.ready_hook_.is_linked()) ready_.push_back(pollable);
}

void Reactor::hold(Pollable& pollable) {
  // One that is ready will ask again.
  if (pollable.ready_hook_.is_linked()) return;
  pollable.is_held_ = true;
  held_.push_back(pollable);
}

void Reactor::want_flush(Pollable& pollable) {
  if (!pollable.flush_hook_.is_linked()) flushing_.push_back(pollable);
}

void Reactor::set_deadline(Pollable& pollable, std::int64_t at_ms) {
  deadlines_.set(pollable, at_ms);
}

void Reactor::adopt(std::unique_ptr<Pollable> pollable) {
  Pollable* key = pollable.get();
  adopted_.emplace(key, std::move(pollable));
}

void Reactor::dispose(Pollable& pollable) {
  forget(pollable);
  const auto found = adopted_.find(&pollable);
  FAIRLEAD_ASSERT(found != adopted_.end());
  disposed_.push_back(std::move(found->second));
  adopted_.erase(found);
}

Deflater& Reactor::deflater(int window_bits) {
  const int level = options_.deflate.value_or(DeflateOptions{}).level;
  return deflaters_.try_emplace(window_bits, false, window_bits, level).first->second;
}

void Reactor::linger(Socket socket) {
  auto lingering = std::make_unique<Lingering>(*this, std::move(socket));
  lingering->begin();
  adopt(std::move(lingering));
}

}  // namespace fairlead::net
