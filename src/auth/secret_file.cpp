#include "auth/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string_view>
#include <system_error>
#include <utility>

namespace fairlead::auth {

namespace {

constexpr std::size_t kLeastSecretBytes = 32;
constexpr std::size_t kMostSecretBytes = 4096;
constexpr std::size_t kMostFileBytes = 1024UL * 1024;
constexpr unsigned kOthers = 077;

/// Closes what `open` gave.
class OpenFile {
 public:
  explicit OpenFile(const std::filesystem::path& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~OpenFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

std::string reason_of(int error) { return std::generic_category().message(error); }

std::unexpected<Error> bad_file(const std::filesystem::path& path, std::string_view why) {
  return fail(Code::kInvalid, "file {}: {}", path.string(), why);
}

}  // namespace

Result<KeyFile> read_key_file(const std::filesystem::path& path) {
  const OpenFile file(path);
  if (!file.is_open()) return bad_file(path, reason_of(errno));
  // Looks at the open file, not at its name, so that nobody swaps it in between.
  struct stat status{};
  if (::fstat(file.descriptor(), &status) != 0) return bad_file(path, reason_of(errno));
  if (!S_ISREG(status.st_mode)) return bad_file(path, "not a regular file");
  KeyFile read{.text = std::string(kMostFileBytes + 1, '\0'), .mode = status.st_mode & 07777U};
  std::size_t size = 0;
  while (size < read.text.size()) {
    const ssize_t got = ::read(file.descriptor(), read.text.data() + size, read.text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return bad_file(path, reason_of(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kMostFileBytes) {
    return fail(Code::kInvalid, "file {}: over {} bytes", path.string(), kMostFileBytes);
  }
  read.text.resize(size);
  return read;
}

Result<void> check_is_private(const KeyFile& file, const std::filesystem::path& path) {
  if ((file.mode & kOthers) == 0) return {};
  return fail(Code::kInvalid,
              "secret file {}: mode {:04o} lets others than its owner in; do: chmod 600 {}",
              path.string(), file.mode, path.string());
}

Result<std::string> read_secret_file(const std::filesystem::path& path) {
  auto file = read_key_file(path);
  if (!file) return fail(Code::kInvalid, "secret {}", file.error().message);
  if (auto checked = check_is_private(*file, path); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  std::string secret = std::move(file->text);
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
