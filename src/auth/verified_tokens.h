#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstring>
#include <utility>

#include "auth/claims.h"

namespace fairlead::auth {

/// Tokens whose signature was found right, by the SHA-256 of the whole text. At most 4096, in two
/// generations: a token that is used moves to the young one, and when that is full the old one is
/// dropped. So what is in use stays, with no list to keep in order. Not thread-safe.
class VerifiedTokens {
 public:
  using Digest = std::array<unsigned char, 32>;

  /// Null when unknown; valid until the next call.
  const Claims* find(const Digest& digest) {
    if (const auto young = young_.find(digest); young != young_.end()) return &young->second;
    const auto old = old_.find(digest);
    if (old == old_.end()) return nullptr;
    Claims claims = std::move(old->second);
    old_.erase(old);
    return &insert(digest, std::move(claims));
  }

  const Claims& insert(const Digest& digest, Claims claims) {
    if (young_.size() >= kGeneration) {
      old_.swap(young_);
      young_.clear();
    }
    return young_.insert_or_assign(digest, std::move(claims)).first->second;
  }

  void clear() {
    young_.clear();
    old_.clear();
  }

  std::size_t size() const { return young_.size() + old_.size(); }

 private:
  static constexpr std::size_t kGeneration = 2048;

  /// SHA-256 has mixed enough, and only tokens of our own issuers come here.
  struct FirstBytes {
    using is_avalanching = void;
    std::size_t operator()(const Digest& digest) const {
      std::size_t hash = 0;
      std::memcpy(&hash, digest.data(), sizeof hash);
      return hash;
    }
  };
  using Generation = boost::unordered_flat_map<Digest, Claims, FirstBytes>;

  Generation young_;
  Generation old_;
};

}  // namespace fairlead::auth
