#pragma once

#include <cstddef>
#include <cstdint>

namespace fairlead::net {

/// What one attempt to move bytes brought.
struct IoResult {
  enum class Status : std::uint8_t {
    kOk,
    /// Nothing now; epoll tells when.
    kBlocked,
    /// The peer has finished sending.
    kEnd,
    /// The connection is gone.
    kLost,
  };
  Status status = Status::kOk;
  std::size_t bytes = 0;

  /// From what a send returned: the bytes it took, or an errno as a negative number.
  static IoResult of_send(std::int64_t result);
};

}  // namespace fairlead::net
