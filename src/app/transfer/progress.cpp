#include "app/transfer/progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>

namespace fairlead::app::transfer {
namespace {

constexpr std::int64_t kTerminalMs = 200;
constexpr std::int64_t kLogMs = 10'000;

}  // namespace

Progress::Progress(std::string_view what)
    : what_(what),
      is_terminal_(::isatty(STDERR_FILENO) == 1),
      next_ms_(clock_.steady_ms() + (is_terminal_ ? kTerminalMs : kLogMs)) {}

bool Progress::is_due() {
  const std::int64_t now_ms = clock_.steady_ms();
  if (now_ms < next_ms_) return false;
  next_ms_ = now_ms + (is_terminal_ ? kTerminalMs : kLogMs);
  return true;
}

void Progress::say(const std::string& text) {
  if (is_terminal_) {
    fmt::print(stderr, "\r\x1b[K{}: {}", what_, text);
    has_line_ = true;
  } else {
    fmt::print(stderr, "{}: {}\n", what_, text);
  }
}

void Progress::finish(const std::string& text) {
  if (has_line_) fmt::print(stderr, "\r\x1b[K");
  has_line_ = false;
  fmt::print(stderr, "{}: {}\n", what_, text);
}

}  // namespace fairlead::app::transfer
