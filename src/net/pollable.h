#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>

#include "net/sender.h"

namespace fairlead::net {

class Reactor;

/// Something with a file descriptor that a reactor watches. Lives on the reactor's thread;
/// destroying it takes it out of the reactor. Only Reactor and its wheel touch the private part.
class Pollable {
 public:
  Pollable() = default;
  virtual ~Pollable();
  Pollable(const Pollable&) = delete;
  Pollable& operator=(const Pollable&) = delete;

  /// `events` as epoll gives them.
  virtual void on_events(std::uint32_t events) = 0;
  /// Asked for with Reactor::make_ready: in this turn, behind the events, or in the next.
  virtual void on_ready() {}
  /// Asked for with Reactor::want_flush, at the end of the turn: what is to be sent, and then, when
  /// all that the turn has to send was sent, what became of it. Nothing is called between the two.
  virtual Sending outgoing() { return {}; }
  virtual void on_flushed(const Sending& /*sent*/) {}
  /// The moment set with Reactor::set_deadline has passed.
  virtual void on_deadline() {}
  /// Whether a peer would lose an answer if the socket were closed now.
  virtual bool owes_answer() const { return false; }
  /// Memory is short, and this one holds the most of it here: it should end.
  virtual void on_memory_short() {}

 protected:
  /// Null while nobody watches it.
  Reactor* reactor() const { return reactor_; }

 private:
  friend class Reactor;
  friend class DeadlineWheel;
  using Hook = boost::intrusive::list_member_hook<
      boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

  Reactor* reactor_ = nullptr;
  Hook all_hook_;
  Hook ready_hook_;
  Hook flush_hook_;
  Hook deadline_hook_;
  std::int64_t deadline_ms_ = 0;
  /// What was told with Reactor::set_held.
  std::uint32_t queued_bytes_ = 0;
  std::uint32_t received_bytes_ = 0;
  std::uint32_t interest_ = 0;
  int fd_ = -1;
  bool is_counted_ = false;
  /// In the list of those whose reading is held, instead of the ready ones.
  bool is_held_ = false;
};

}  // namespace fairlead::net
