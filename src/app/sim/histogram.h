#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace fairlead::app::sim {

/// Durations in us, counted in buckets that are 3 % wide: quantiles of millions in 16 KiB.
class Histogram {
 public:
  void record(std::int64_t us) {
    ++counts_[bucket_of(us < 0 ? 0 : static_cast<std::uint64_t>(us))];
    ++total_;
  }

  std::uint64_t count() const { return total_; }

  /// The least duration that `share` (0 to 1) of the recorded ones do not pass, within 3 %; 0 when
  /// there are none.
  std::int64_t quantile(double share) const {
    if (total_ == 0) return 0;
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(total_ - 1)) + 1;
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
      seen += counts_[bucket];
      if (seen >= wanted) return highest_in(bucket);
    }
    return highest_in(counts_.size() - 1);
  }

  void clear() {
    counts_.fill(0);
    total_ = 0;
  }

 private:
  /// Each power of two is divided into so many buckets.
  static constexpr unsigned kSubBits = 5;
  static constexpr std::uint64_t kSub = 1U << kSubBits;
  static constexpr unsigned kMaxBits = 40;

  static std::size_t bucket_of(std::uint64_t us) {
    if (us >= (std::uint64_t{1} << kMaxBits)) us = (std::uint64_t{1} << kMaxBits) - 1;
    if (us < kSub) return us;
    const auto shift = static_cast<unsigned>(std::bit_width(us)) - kSubBits - 1;
    return (shift + 1) * kSub + (us >> shift) - kSub;
  }

  static std::int64_t highest_in(std::size_t bucket) {
    if (bucket < kSub) return static_cast<std::int64_t>(bucket);
    const std::uint64_t shift = bucket / kSub - 1;
    const std::uint64_t lowest = (bucket % kSub + kSub) << shift;
    return static_cast<std::int64_t>(lowest + (std::uint64_t{1} << shift) - 1);
  }

  std::array<std::uint64_t, (kMaxBits - kSubBits + 1) * kSub> counts_{};
  std::uint64_t total_ = 0;
};

}  // namespace fairlead::app::sim
