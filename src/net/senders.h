#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/sender.h"

namespace fairlead::net {

/// How reactors are to send.
enum class Io : std::uint8_t {
  /// Through io_uring where the kernel lets us, else with epoll alone.
  kAuto,
  kEpoll,
  /// Through io_uring or not at all.
  kUring,
};

/// One sender for each reactor.
struct Senders {
  std::vector<std::unique_ptr<Sender>> each;
  /// Why kAuto took epoll; empty when it did not.
  std::string why_epoll;
};

/// Says whether io_uring works here.
using UringProbe = std::function<Result<void>()>;

/// Senders for `count` reactors, all of one kind. Fails only for kUring, with the kernel's reason.
/// `probe` is UringSender::probe unless given.
Result<Senders> make_senders(Io io, std::size_t count, const UringProbe& probe = {});

}  // namespace fairlead::net
