#pragma once

#include <cstdio>
#include <cstdlib>

namespace fairlead {

/// Ends the process: an invariant of the program itself is broken, going on could spoil data.
[[noreturn]] inline void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "fairlead: broken invariant: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace fairlead

/// For what cannot happen; on in release builds. One condition each.
#define FAIRLEAD_ASSERT(condition)    \
  ((condition) ? static_cast<void>(0) \
               : ::fairlead::assertion_failed(#condition, __FILE__, __LINE__))
