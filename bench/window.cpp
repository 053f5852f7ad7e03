#include "bench/window.h"

namespace fairlead::bench {

Window::Window(Lab& lab, const Child& server) : lab_(lab), server_(server) {
  lab_.begin_profile(server);
  cpu_before_ = server.cpu_ns();
}

Window::~Window() { lab_.end_profile(); }

}  // namespace fairlead::bench
