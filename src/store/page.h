#pragma once

#include <cstddef>
#include <utility>

#include "store/backend.h"
#include "telemetry/repository.h"

namespace fairlead::store {

/// Fills a telemetry::Page up to its bounds.
class PageBuilder {
 public:
  explicit PageBuilder(std::size_t limit) : limit_(limit) {}

  /// Whether a row that exists still fits; if not, the page is done and says that there is more.
  bool takes(std::size_t metrics_bytes) {
    const std::size_t rows = page_.samples.size();
    const bool fits = rows < limit_ && (rows == 0 || bytes_ + metrics_bytes <= kMaxPageBytes);
    if (!fits) page_.has_more = true;
    return fits;
  }
  void add(telemetry::Sample sample) {
    bytes_ += sample.metrics.size();
    page_.samples.push_back(std::move(sample));
  }
  telemetry::Page take() { return std::move(page_); }

 private:
  const std::size_t limit_;
  std::size_t bytes_ = 0;
  telemetry::Page page_;
};

}  // namespace fairlead::store
