#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fairlead::auth {

/// The signature algorithms of RFC 7518 and RFC 8037 that are taken. `none` is not one.
enum class Algorithm : std::uint8_t {
  kHs256,
  kHs384,
  kHs512,
  kRs256,
  kRs384,
  kRs512,
  kPs256,
  kEs256,
  kEs384,
  kEdDsa,
};

/// `kty` of RFC 7517.
enum class KeyType : std::uint8_t { kOct, kRsa, kEc, kOkp };

/// `HS256` and so on, as in the `alg` header.
std::string_view name_of(Algorithm algorithm);
/// Exact: `hs256` names none.
std::optional<Algorithm> algorithm_named(std::string_view name);

std::string_view name_of(KeyType type);
std::optional<KeyType> key_type_named(std::string_view name);
KeyType key_type_of(Algorithm algorithm);

/// The hash as OpenSSL calls it; null for EdDSA, which hashes by itself.
const char* digest_name_of(Algorithm algorithm);

/// The curve as OpenSSL calls it; null where there is none.
const char* curve_name_of(Algorithm algorithm);

/// Bytes of one coordinate, which is half a signature (RFC 7518, 3.4); for ES256 and ES384 only.
std::size_t coordinate_bytes_of(Algorithm algorithm);

/// A secret is at least as long as the hash it feeds (RFC 7518, 3.2); 0 for public keys.
std::size_t least_secret_bytes_of(Algorithm algorithm);

}  // namespace fairlead::auth
