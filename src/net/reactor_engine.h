#pragma once

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/assert.h"
#include "net/reactor.h"
#include "net/wait_memory.h"

namespace fairlead::net {

/// Asio's half of a reactor, kept out of its header: it takes seconds to compile.
struct Reactor::Engine {
  /// The wait for the epoll set, in memory of our own.
  struct Awaited {
    using allocator_type = WaitAllocator<std::byte>;
    Engine* engine;
    allocator_type get_allocator() const noexcept { return allocator_type(engine->memory); }
    void operator()(const boost::system::error_code& error) const {
      engine->is_armed = false;
      engine->is_epoll_readable = !error;
    }
  };

  WaitMemory memory;
  // One thread runs the context, so Asio may leave its own locks uncontended.
  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
      context.get_executor()};
  int epoll_fd = ::epoll_create1(EPOLL_CLOEXEC);
  boost::asio::posix::stream_descriptor epoll{context, epoll_fd};
  int bell = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  /// From before the last look for work until the end of the wait: who brings work now rings.
  std::atomic<bool> is_asleep = false;
  bool is_armed = false;
  bool is_epoll_readable = false;

  Engine() {
    FAIRLEAD_ASSERT(epoll_fd >= 0);
    FAIRLEAD_ASSERT(bell >= 0);
    // Edge-triggered: each ring is an event, and nobody has to read it away.
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
    FAIRLEAD_ASSERT(::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, bell, &event) == 0);
  }

  ~Engine() { ::close(bell); }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void arm() {
    if (std::exchange(is_armed, true)) return;
    epoll.async_wait(boost::asio::posix::stream_descriptor::wait_read, Awaited{this});
  }

  void ring() {
    const std::uint64_t one = 1;
    // Fails only when 2^64 rings were not read; one of them is an event still.
    static_cast<void>(::write(bell, &one, sizeof one));
  }
};

}  // namespace fairlead::net
