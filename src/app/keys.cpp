#include "app/keys.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "auth/jwks.h"
#include "auth/secret_file.h"

namespace fairlead::app {

Result<std::shared_ptr<const auth::KeySet>> load_keys(const Settings& settings) {
  std::vector<auth::Key> keys;
  if (!settings.jwt_secret_file.empty()) {
    auto key = auth::key_from_secret_file(settings.jwt_secret_file);
    if (!key) return std::unexpected(key.error());
    keys.push_back(std::move(*key));
  }
  if (!settings.jwks_file.empty()) {
    std::ifstream file(settings.jwks_file, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    if (!file) return fail(Code::kInvalid, "auth.jwks_file: cannot read {}", settings.jwks_file);
    auto set = auth::read_jwks(text);
    if (!set) return fail(Code::kInvalid, "{}: {}", settings.jwks_file, set.error().message);
    for (const std::string& skipped : set->skipped) {
      spdlog::warn("{}: {}", settings.jwks_file, skipped);
    }
    for (auth::Key& key : set->keys) keys.push_back(std::move(key));
  }
  if (keys.empty()) {
    return fail(Code::kInvalid,
                "no key to check tokens with: give --jwt-secret-file FILE (32 bytes or more, mode "
                "0600), set auth.jwks_file, or start with --dev");
  }
  return std::make_shared<const auth::KeySet>(std::move(keys));
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
