#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "app/sim/tally.h"

namespace fairlead::app::sim {

/// One line with what the fleet is at; `seconds` since it began.
std::string status_line(const Tally& tally, std::size_t devices, std::int64_t seconds);

/// What there is to say at the end, some lines.
std::string summary(const Tally& tally, std::size_t devices, std::size_t unacked,
                    std::size_t violations);

/// Where lines go: on a terminal the status stays on the last line, elsewhere each is a line of its
/// own. Notes and violations go to stderr and are counted; of each sort only the first are printed.
class Printer final : public Findings {
 public:
  Printer();

  void status(std::string_view line);
  void text(std::string_view lines);
  void violation(std::string_view device, std::string_view what) override;
  void note(std::string_view device, std::string_view what) override;
  std::size_t violations() const { return violations_; }

 private:
  void clear_status();

  bool is_terminal_;
  bool has_status_ = false;
  std::size_t violations_ = 0;
  std::size_t notes_ = 0;
};

}  // namespace fairlead::app::sim
