#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace fairlead::app::transfer {

/// Tells on stderr how far a transfer is: on one line where a person looks, else a line now and
/// then.
class Progress {
 public:
  explicit Progress(std::string_view what);

  /// `tell()` gives the text; it is asked only when it is time to say something.
  template <typename Tell>
  void update(Tell&& tell) {
    if (is_due()) say(tell());
  }
  /// The last word, on a line of its own.
  void finish(const std::string& text);

 private:
  bool is_due();
  void say(const std::string& text);

  const std::string what_;
  const bool is_terminal_;
  const SystemClock clock_;
  std::int64_t next_ms_;
  bool has_line_ = false;
};

}  // namespace fairlead::app::transfer
