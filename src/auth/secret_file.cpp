#include "auth/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <system_error>
#include <utility>

namespace fairlead::auth {

namespace {

constexpr std::size_t kLeastSecretBytes = 32;
constexpr std::size_t kMostSecretBytes = 4096;
constexpr mode_t kOthers = 077;

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

/// Looks at the open file, not at its name, so that nobody swaps it in between.
Result<void> check_file(const OpenFile& file, const std::filesystem::path& path) {
  struct stat status{};
  if (::fstat(file.descriptor(), &status) != 0) {
    return fail(Code::kInvalid, "secret file {}: {}", path.string(), reason_of(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(Code::kInvalid, "secret file {}: not a regular file", path.string());
  }
  if ((status.st_mode & kOthers) != 0) {
    return fail(Code::kInvalid,
                "secret file {}: mode {:04o} lets others than its owner in; do: chmod 600 {}",
                path.string(), status.st_mode & 07777U, path.string());
  }
  return {};
}

}  // namespace

Result<std::string> read_secret_file(const std::filesystem::path& path) {
  const OpenFile file(path);
  if (!file.is_open()) {
    return fail(Code::kInvalid, "secret file {}: {}", path.string(), reason_of(errno));
  }
  if (auto checked = check_file(file, path); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  std::string secret(kMostSecretBytes + 2, '\0');
  std::size_t size = 0;
  while (size < secret.size()) {
    const ssize_t got = ::read(file.descriptor(), secret.data() + size, secret.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return fail(Code::kInvalid, "secret file {}: {}", path.string(), reason_of(errno));
    }
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  secret.resize(size);
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
