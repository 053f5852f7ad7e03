#include "auth/secret_file.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/private_file.h"

namespace fairlead::auth {

namespace {

constexpr std::size_t kLeastSecretBytes = 32;
constexpr std::size_t kMostSecretBytes = 4096;

}  // namespace

Result<std::string> read_secret_file(const std::filesystem::path& path) {
  auto content = read_private_file(path, "secret file");
  if (!content) return std::unexpected(std::move(content.error()));
  std::string secret = std::move(*content);
  if (secret.ends_with('\n')) secret.pop_back();
  if (secret.size() < kLeastSecretBytes || secret.size() > kMostSecretBytes) {
    return fail(Code::kInvalid, "secret file {}: {}{} bytes, it needs {} to {}{}", path.string(),
                secret.size() > kMostSecretBytes ? "over " : "",
                std::min(secret.size(), kMostSecretBytes), kLeastSecretBytes, kMostSecretBytes,
                secret.size() < kLeastSecretBytes ? "; make one with: openssl rand -hex 32" : "");
  }
  return secret;
}

Result<Key> key_from_secret_file(const std::filesystem::path& path) {
  auto secret = read_secret_file(path);
  if (!secret) return std::unexpected(std::move(secret.error()));
  return Key::from_secret(Algorithm::kHs256, std::move(*secret));
}

}  // namespace fairlead::auth
