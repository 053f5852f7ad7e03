#pragma once

#include <cstdint>

#include "bench/lab.h"

namespace fairlead::bench {

/// A stretch of steady load on a server.
class Window {
 public:
  /// Begins it. Both outlive the window.
  Window(Lab& lab, const Child& server);
  ~Window();
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  /// CPU time of the server since the begin, ns.
  std::int64_t cpu_ns() const { return server_.cpu_ns() - cpu_before_; }

 private:
  Lab& lab_;
  const Child& server_;
  std::int64_t cpu_before_;
};

}  // namespace fairlead::bench
