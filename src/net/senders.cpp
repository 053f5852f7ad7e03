#include "net/senders.h"

#include <utility>

#include "net/uring_sender.h"

namespace fairlead::net {
namespace {

Result<std::vector<std::unique_ptr<Sender>>> make_uring(std::size_t count,
                                                        const UringProbe& probe) {
  if (auto works = probe ? probe() : UringSender::probe(); !works) {
    return std::unexpected(works.error());
  }
  std::vector<std::unique_ptr<Sender>> senders;
  for (std::size_t i = 0; i < count; ++i) {
    auto sender = UringSender::open();
    if (!sender) return std::unexpected(sender.error());
    senders.push_back(std::move(*sender));
  }
  return senders;
}

}  // namespace

Result<Senders> make_senders(Io io, std::size_t count, const UringProbe& probe) {
  Senders senders;
  if (io != Io::kEpoll) {
    auto uring = make_uring(count, probe);
    if (!uring && io == Io::kUring) return std::unexpected(uring.error());
    if (uring) {
      senders.each = std::move(*uring);
      return senders;
    }
    senders.why_epoll = uring.error().message;
  }
  for (std::size_t i = 0; i < count; ++i) senders.each.push_back(std::make_unique<PlainSender>());
  return senders;
}

}  // namespace fairlead::net
