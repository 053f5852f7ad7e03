#include "auth/algorithm.h"

#include <algorithm>
#include <array>

namespace fairlead::auth {

namespace {

struct Row {
  std::string_view name;
  KeyType type;
  const char* digest;
  const char* curve;
  std::size_t coordinate_bytes;
  std::size_t least_secret_bytes;
};

/// Indexed by `Algorithm`.
constexpr std::array<Row, 10> kRows = {{
    {"HS256", KeyType::kOct, "SHA256", nullptr, 0, 32},
    {"HS384", KeyType::kOct, "SHA384", nullptr, 0, 48},
    {"HS512", KeyType::kOct, "SHA512", nullptr, 0, 64},
    {"RS256", KeyType::kRsa, "SHA256", nullptr, 0, 0},
    {"RS384", KeyType::kRsa, "SHA384", nullptr, 0, 0},
    {"RS512", KeyType::kRsa, "SHA512", nullptr, 0, 0},
    {"PS256", KeyType::kRsa, "SHA256", nullptr, 0, 0},
    {"ES256", KeyType::kEc, "SHA256", "P-256", 32, 0},
    {"ES384", KeyType::kEc, "SHA384", "P-384", 48, 0},
    {"EdDSA", KeyType::kOkp, nullptr, "Ed25519", 0, 0},
}};
static_assert(kRows.size() == static_cast<std::size_t>(Algorithm::kEdDsa) + 1);

/// Indexed by `KeyType`.
constexpr std::array<std::string_view, 4> kTypeNames = {"oct", "RSA", "EC", "OKP"};

const Row& row_of(Algorithm algorithm) { return kRows[static_cast<std::size_t>(algorithm)]; }

}  // namespace

std::string_view name_of(Algorithm algorithm) { return row_of(algorithm).name; }

std::optional<Algorithm> algorithm_named(std::string_view name) {
  const auto found = std::ranges::find(kRows, name, &Row::name);
  if (found == kRows.end()) return std::nullopt;
  return static_cast<Algorithm>(found - kRows.begin());
}

std::string_view name_of(KeyType type) { return kTypeNames[static_cast<std::size_t>(type)]; }

std::optional<KeyType> key_type_named(std::string_view name) {
  const auto found = std::ranges::find(kTypeNames, name);
  if (found == kTypeNames.end()) return std::nullopt;
  return static_cast<KeyType>(found - kTypeNames.begin());
}

KeyType key_type_of(Algorithm algorithm) { return row_of(algorithm).type; }

const char* digest_name_of(Algorithm algorithm) { return row_of(algorithm).digest; }

const char* curve_name_of(Algorithm algorithm) { return row_of(algorithm).curve; }

std::size_t coordinate_bytes_of(Algorithm algorithm) { return row_of(algorithm).coordinate_bytes; }

std::size_t least_secret_bytes_of(Algorithm algorithm) {
  return row_of(algorithm).least_secret_bytes;
}

}  // namespace fairlead::auth
