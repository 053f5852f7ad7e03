#include "base/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <system_error>
#include <utility>

namespace fairlead {
namespace {

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

}  // namespace

Result<KeyFile> read_key_file(const std::filesystem::path& path, std::string_view what) {
  const auto bad = [&](std::string_view why) {
    return fail(Code::kInvalid, "{} {}: {}", what, path.string(), why);
  };
  const OpenFile file(path);
  if (!file.is_open()) return bad(reason_of(errno));
  // Looks at the open file, not at its name, so that nobody swaps it in between.
  struct stat status{};
  if (::fstat(file.descriptor(), &status) != 0) return bad(reason_of(errno));
  if (!S_ISREG(status.st_mode)) return bad("not a regular file");
  KeyFile read{.text = std::string(kMostFileBytes + 1, '\0'), .mode = status.st_mode & 07777U};
  std::size_t size = 0;
  while (size < read.text.size()) {
    const ssize_t got = ::read(file.descriptor(), read.text.data() + size, read.text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return bad(reason_of(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kMostFileBytes) return bad(fmt::format("over {} bytes", kMostFileBytes));
  read.text.resize(size);
  return read;
}

Result<void> check_is_private(const KeyFile& file, const std::filesystem::path& path,
                              std::string_view what) {
  if ((file.mode & kOthers) == 0) return {};
  return fail(Code::kInvalid, "{} {}: mode {:04o} lets others than its owner in; do: chmod 600 {}",
              what, path.string(), file.mode, path.string());
}

Result<std::string> read_private_file(const std::filesystem::path& path, std::string_view what) {
  auto file = read_key_file(path, what);
  if (!file) return std::unexpected(std::move(file.error()));
  if (auto checked = check_is_private(*file, path, what); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  return std::move(file->text);
}

}  // namespace fairlead
