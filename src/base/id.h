#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/random.h"

namespace fairlead {

/// A new id such as `c-01JABC…`: the kind's letter, then 48 bits of time and 80 random bits in
/// Crockford base32 (the layout of a ULID), so that ids sort by the time they were made.
inline std::string make_id(char kind, std::int64_t now_ms, Random& random) {
  static constexpr std::array<char, 33> kAlphabet = {"0123456789ABCDEFGHJKMNPQRSTVWXYZ"};
  std::string id(28, '-');
  id[0] = kind;
  std::uint64_t bits = static_cast<std::uint64_t>(now_ms);
  for (std::size_t i = 11; i >= 2; --i, bits >>= 5) id[i] = kAlphabet[bits & 31];
  for (std::size_t half = 0; half < 2; ++half) {
    bits = random.next();
    for (std::size_t i = 0; i < 8; ++i, bits >>= 5) id[12 + half * 8 + i] = kAlphabet[bits & 31];
  }
  return id;
}

}  // namespace fairlead
