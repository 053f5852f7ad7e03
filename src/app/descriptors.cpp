#include "app/descriptors.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

namespace fairlead::app {
namespace {

/// Files of the store, reactors, listeners, logs, sockets that say goodbye.
constexpr std::size_t kOtherDescriptors = 128;

}  // namespace

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlimit raised{.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  return limit.rlim_cur;
}

void check_descriptors(std::size_t descriptors, std::size_t connections) {
  if (descriptors >= connections + kOtherDescriptors) return;
  spdlog::warn(
      "limits.connections = {}, but only {} files may be open: further connections will wait; "
      "raise the limit (ulimit -Hn, LimitNOFILE=) to {} or lower limits.connections",
      connections, descriptors, connections + kOtherDescriptors);
}

}  // namespace fairlead::app
