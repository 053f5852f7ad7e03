#include "net/gate.h"

#include <utility>

#include "net/address.h"

namespace fairlead::net {

std::unexpected<Refusal> Gate::refuse(Refusal why) {
  refused_[static_cast<std::size_t>(why)].fetch_add(1, std::memory_order_relaxed);
  return std::unexpected(why);
}

std::expected<Pass, Refusal> Gate::admit(int fd) {
  if (memory_.is_over()) return refuse(Refusal::kMemory);
  Pass pass;
  pass.socket_ = Place::take(sockets_);
  if (!pass.socket_.is_taken()) return refuse(Refusal::kSockets);
  pass.handshake_ = Place::take(handshakes_);
  if (!pass.handshake_.is_taken()) return refuse(Refusal::kHandshakes);
  if (addresses_.limit() > 0) {
    std::string name = Address::peer(fd).network();
    if (!addresses_.take(name)) return refuse(Refusal::kAddress);
    pass.address_ = std::make_unique<Pass::Address>(addresses_, std::move(name));
  }
  return pass;
}

}  // namespace fairlead::net
