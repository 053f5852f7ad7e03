#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace fairlead::bench {

/// The same measurement, several times.
struct Series {
  std::vector<double> values;

  void add(double value) { values.push_back(value); }
  bool is_empty() const { return values.empty(); }
  double least() const { return is_empty() ? 0 : *std::ranges::min_element(values); }
  double most() const { return is_empty() ? 0 : *std::ranges::max_element(values); }
  double median() const { return share(0.5); }

  /// The value that `wanted` (0 to 1) of all do not pass.
  double share(double wanted) const {
    if (is_empty()) return 0;
    std::vector<double> sorted = values;
    std::ranges::sort(sorted);
    const double place = wanted * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (sorted[above] - sorted[below]) * (place - static_cast<double>(below));
  }
};

}  // namespace fairlead::bench
