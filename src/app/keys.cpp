#include "app/keys.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "auth/jwks.h"
#include "auth/secret_file.h"
#include "base/private_file.h"

namespace fairlead::app {

namespace {

/// `FILE:ALG`; what stands behind the last colon and is no algorithm belongs to the name.
Result<auth::Key> key_from_pem_file(const std::string& entry) {
  const std::size_t colon = entry.rfind(':');
  std::optional<auth::Algorithm> algorithm;
  if (colon != std::string::npos) {
    algorithm = auth::algorithm_named(std::string_view(entry).substr(colon + 1));
  }
  const std::string path = algorithm ? entry.substr(0, colon) : entry;
  const auto file = read_key_file(path);
  if (!file) return fail(Code::kInvalid, "auth.public_key_files: {}", file.error().message);
  auto key = auth::Key::from_pem(file->text, algorithm);
  if (!key) return fail(Code::kInvalid, "auth.public_key_files: {}: {}", path, key.error().message);
  return key;
}

Result<auth::Jwks> read_jwks_file(const std::string& path) {
  const auto file = read_key_file(path);
  if (!file) return fail(Code::kInvalid, "auth.jwks_file: {}", file.error().message);
  auto set = auth::read_jwks(file->text);
  if (!set) return fail(Code::kInvalid, "auth.jwks_file: {}: {}", path, set.error().message);
  const bool has_secrets =
      std::ranges::any_of(set->keys, [](const auth::Key& key) { return !key.secret().empty(); });
  if (has_secrets) {
    if (auto checked = check_is_private(*file, path); !checked) {
      return fail(Code::kInvalid, "auth.jwks_file: {}", checked.error().message);
    }
  }
  for (const std::string& skipped : set->skipped) spdlog::warn("{}: {}", path, skipped);
  return set;
}

}  // namespace

Result<void> check_has_keys(const Settings& settings) {
  const bool has_any = !settings.jwt_secret_file.empty() || !settings.public_key_files.empty() ||
                       !settings.jwks_file.empty() || !settings.jwks_url.url.empty();
  if (has_any) return {};
  return fail(Code::kInvalid,
              "no key to check tokens with: give --jwt-secret-file FILE (32 bytes or more, mode "
              "0600), set auth.public_key_files, auth.jwks_file or auth.jwks_url, or start with "
              "--dev");
}

Result<std::vector<auth::Key>> load_key_files(const Settings& settings) {
  std::vector<auth::Key> keys;
  if (!settings.jwt_secret_file.empty()) {
    auto key = auth::key_from_secret_file(settings.jwt_secret_file);
    if (!key) return std::unexpected(std::move(key.error()));
    keys.push_back(std::move(*key));
  }
  for (const std::string& entry : settings.public_key_files) {
    auto key = key_from_pem_file(entry);
    if (!key) return std::unexpected(std::move(key.error()));
    keys.push_back(std::move(*key));
  }
  if (!settings.jwks_file.empty()) {
    auto set = read_jwks_file(settings.jwks_file);
    if (!set) return std::unexpected(std::move(set.error()));
    for (auth::Key& key : set->keys) keys.push_back(std::move(key));
  }
  return keys;
}

Result<std::string> make_dev_secret(const std::string& data_dir) {
  std::string path = (std::filesystem::path(data_dir) / "jwt.secret").string();
  if (std::filesystem::exists(path)) return path;
  std::array<unsigned char, 32> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return fail(Code::kInternal, "cannot make a secret: no randomness");
  }
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  text += '\n';
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const bool is_written =
      file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int cause = errno;
  if (file >= 0) ::close(file);
  if (!is_written) return fail(Code::kInvalid, "cannot write {}: {}", path, std::strerror(cause));
  return path;
}

}  // namespace fairlead::app
