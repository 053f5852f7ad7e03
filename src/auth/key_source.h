#pragma once

#include <cstdint>

namespace fairlead::auth {

/// Port to where keys come from while the hub runs.
class KeySource {
 public:
  enum class Search : std::uint8_t {
    /// Nothing that could bring a key that is not known.
    kNowhere,
    /// One begins after this call: its end is told to every shard.
    kBegins,
    /// One began before this call, or ended and the news is on its way. What it does not find may
    /// have come meanwhile.
    kRuns,
    /// The last one was too short a time ago.
    kTooSoon,
  };
  struct Answer {
    Search search = Search::kNowhere;
    /// For kTooSoon: when the next may begin.
    std::int64_t retry_after_ms = 0;
    /// For kBegins and kRuns: which one, counted from 1. Shards hear of its end by mail, so that of
    /// an earlier one may still be on its way.
    std::uint64_t number = 0;
  };

  virtual ~KeySource() = default;
  /// A token names a key that is not known to a shard which has heard of the end of the searches up
  /// to `heard`. From any shard; does not block.
  virtual Answer search(std::uint64_t heard) = 0;
};

}  // namespace fairlead::auth
