#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fairlead::auth {

/// Port to the failed authentications of each address, counted over all shards. From any shard.
class FailureLimit {
 public:
  virtual ~FailureLimit() = default;
  /// 0: tokens from there are looked at; else the ms after which they are again.
  virtual std::int64_t wait_ms(std::string_view remote) = 0;
  virtual void count(std::string_view remote) = 0;
};

/// Failed authentications by address. A failure takes a token of the address's bucket, which holds
/// and regains so many a minute; empty, it is closed. Not thread-safe.
///
/// Bounded: two generations of at most kGeneration addresses, each a minute long or until full. A
/// bucket that nobody touched for a minute is full, so what is dropped in time said nothing.
class Failures {
 public:
  explicit Failures(std::int64_t per_minute) : per_minute_(per_minute) {}

  std::int64_t wait_ms(const std::string& address, std::int64_t steady_ms);
  void count(const std::string& address, std::int64_t steady_ms);
  std::size_t size() const { return young_.size() + old_.size(); }

  static constexpr std::size_t kGeneration = 50'000;
  static constexpr std::int64_t kMinuteMs = 60'000;

 private:
  struct Bucket {
    /// Failures that are not forgiven yet, in 60 000ths of one.
    std::int64_t level = 0;
    std::int64_t seen_at = 0;
  };
  using Generation = boost::unordered_flat_map<std::string, Bucket>;

  void age(std::int64_t steady_ms);
  Bucket* find(const std::string& address);
  void drain(Bucket& bucket, std::int64_t steady_ms) const;

  const std::int64_t per_minute_;
  std::int64_t generation_began_ = 0;
  Generation young_;
  Generation old_;
};

}  // namespace fairlead::auth
