#include "net/sender.h"

namespace fairlead::net {

void PlainSender::send_one(Sending& sending, SendBuffers& buffers) {
  if (sending.queue == nullptr) return;
  const std::uint64_t before = sending.queue->written();
  sending.outcome = sending.queue->write_to(*sending.socket, buffers);
  sending.bytes += sending.queue->written() - before;
}

void PlainSender::send(std::span<Sending> batch, SendBuffers& buffers) {
  for (Sending& sending : batch) send_one(sending, buffers);
}

}  // namespace fairlead::net
