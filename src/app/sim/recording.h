#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/sim/source.h"
#include "base/result.h"

namespace fairlead::app::sim {

/// Recorded readings out of a CSV file, shared by all devices that replay them.
struct Recording {
  std::vector<Reading> readings;
  /// The `metrics` object of the capabilities: a column whose cells are all of one type has it.
  std::string metrics_json;
  /// Rows without a single value, left out.
  std::size_t empty_rows = 0;
};

/// The metric name for a column's header: every character that a name may not have becomes `_`, at
/// most 64 are kept; `taken` makes it unique (`_2`, `_3`) and is given the name. `column` counts
/// from 1 and names a header that is empty.
std::string metric_name_for(std::string_view header, std::size_t column,
                            std::vector<std::string>& taken);

/// A cell as JSON: a number, `true` or `false` (in any case), else a string.
std::string cell_json(std::string_view cell);

/// The first record names the columns, the first column is the time. An error names the row.
Result<Recording> parse_recording(std::string_view csv);
/// The same out of a file; the error names it.
Result<Recording> load_recording(const std::string& path);

/// Plays a recording once, `speed` times as fast as it was made; 0: all is due at once.
class ReplaySource final : public Source {
 public:
  ReplaySource(std::shared_ptr<const Recording> recording, double speed, const Moment& start);

  std::int64_t due_us() const override;
  std::optional<Reading> take(const Moment& now) override;
  bool waits() const override { return true; }
  void move(std::string_view, double, const Moment&) override {}

 private:
  std::shared_ptr<const Recording> recording_;
  double speed_;
  std::int64_t start_us_;
  std::size_t next_ = 0;
};

}  // namespace fairlead::app::sim
