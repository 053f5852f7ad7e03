#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/random.h"

namespace fairlead {

/// 48 bits of time and 80 random bits, which sort by the time they were made. A value of 16 bytes;
/// its text has 28.
class Ulid {
 public:
  constexpr Ulid() = default;
  /// `random_high`: its low 16 bits count.
  constexpr Ulid(std::int64_t ms, std::uint64_t random_high, std::uint64_t random_low)
      : high_(static_cast<std::uint64_t>(ms) << 16 | (random_high & 0xFFFF)), low_(random_low) {}

  static Ulid make(std::int64_t now_ms, Random& random) {
    const std::uint64_t high = random.next();
    return {now_ms, high, random.next()};
  }

  /// Such as `c-01JABC…`: the kind's letter, then Crockford base32. Sorts as the value does.
  std::string text(char kind) const {
    std::string text(2, '-');
    text[0] = kind;
    append(text, high_ >> 16, 10);
    append(text, (high_ & 0xFFFF) << 24 | low_ >> 40, 8);
    append(text, low_, 8);
    return text;
  }

  friend constexpr auto operator<=>(const Ulid&, const Ulid&) = default;

 private:
  /// The low `5 * digits` bits.
  static void append(std::string& text, std::uint64_t bits, std::size_t digits) {
    static constexpr std::array<char, 33> kAlphabet = {"0123456789ABCDEFGHJKMNPQRSTVWXYZ"};
    const std::size_t begin = text.size();
    text.resize(begin + digits);
    for (std::size_t i = begin + digits; i > begin; bits >>= 5) text[--i] = kAlphabet[bits & 31];
  }

  std::uint64_t high_ = 0;
  std::uint64_t low_ = 0;
};

/// The text of a new Ulid.
inline std::string make_id(char kind, std::int64_t now_ms, Random& random) {
  return Ulid::make(now_ms, random).text(kind);
}

}  // namespace fairlead
