#pragma once

#include <cstddef>
#include <functional>

#include "base/result.h"
#include "telemetry/buckets.h"
#include "telemetry/repository.h"

namespace fairlead::store {

/// Fills a telemetry::BucketPage with samples that come in the order of the range.
class BucketFold {
 public:
  explicit BucketFold(const telemetry::BucketRange& range);

  /// The samples that are still wanted, in pieces of some thousand.
  telemetry::Range next() const;
  /// Those that next() asked for. False when the page is full or they were the last.
  bool take(const telemetry::Page& page);
  telemetry::BucketPage finish() { return std::move(page_); }

 private:
  bool add(const telemetry::Sample& sample);
  /// Whether one more bucket may be begun.
  bool has_room() const;

  const telemetry::BucketRange& range_;
  telemetry::Range samples_;
  telemetry::BucketPage page_;
  std::size_t bytes_ = 0;
};

/// The page, from samples that `read` gives.
Result<telemetry::BucketPage> fold_buckets(
    const telemetry::BucketRange& range,
    const std::function<Result<telemetry::Page>(const telemetry::Range&)>& read);

}  // namespace fairlead::store
