#include "net/lingering.h"

#include <sys/epoll.h>

#include <utility>

#include "net/reactor.h"

namespace fairlead::net {

Lingering::Lingering(Reactor& host, Socket socket) : host_(host), socket_(std::move(socket)) {}

void Lingering::begin() {
  socket_.finish_sending();
  host_.watch(*this, socket_.fd(), EPOLLIN);
  host_.set_deadline(*this, host_.now_ms() + host_.options().close_timeout_ms);
}

void Lingering::on_events(std::uint32_t /*events*/) {
  const IoResult result = socket_.receive(host_.receive_buffer());
  if (result.status == IoResult::Status::kBlocked) return;
  drained_ += result.bytes;
  if (result.status != IoResult::Status::kOk || drained_ > kMaxDrained) end();
}

void Lingering::end() {
  host_.forget_closing(*this);
  host_.dispose(*this);
}

void Lingering::on_deadline() { end(); }

}  // namespace fairlead::net
