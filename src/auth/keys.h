#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "auth/key.h"

namespace fairlead::auth {

/// The keys that are in force. Immutable: shards share one through
/// `std::shared_ptr<const KeySet>`, and rotation hands each of them another.
class KeySet {
 public:
  explicit KeySet(std::vector<Key> keys) : keys_(std::move(keys)) {}

  const std::vector<Key>& keys() const { return keys_; }
  /// A public key costs so much to check with that remembering the answer pays.
  bool has_public_keys() const {
    return std::ranges::any_of(keys_, [](const Key& key) { return key.pkey() != nullptr; });
  }

 private:
  std::vector<Key> keys_;
};

}  // namespace fairlead::auth
