#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/request.h"
#include "http/telemetry_format.h"
#include "telemetry/buckets.h"

namespace fairlead::http {

/// What is told of a metric in a bucket.
enum class Told : std::uint8_t { kAvg, kMin, kMax, kSum, kCount, kFirst, kLast };

/// The `aggregate` parameter: names separated by commas, each once; all when there is none.
Result<std::vector<Told>> told_in(const Query& query);

/// The bucket as JSON (protocol, section 9). What makes no sense of a metric is left out: of
/// strings all but `count`, `first` and `last`.
std::string bucket_json(const telemetry::Bucket& bucket, const std::vector<Told>& told);

/// As CSV (RFC 4180): `ts`, then `<metric>.<aggregate>` by metric, in the order asked for.
std::string buckets_csv(const std::vector<telemetry::Bucket>& buckets,
                        const std::vector<Told>& told);

}  // namespace fairlead::http
