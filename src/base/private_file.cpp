#include "base/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace fairlead {
namespace {

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
Result<void> check_file(const OpenFile& file, const std::string& name, const std::string& path) {
  struct stat status{};
  if (::fstat(file.descriptor(), &status) != 0) {
    return fail(Code::kInvalid, "{}: {}", name, reason_of(errno));
  }
  if (!S_ISREG(status.st_mode)) return fail(Code::kInvalid, "{}: not a regular file", name);
  if ((status.st_mode & kOthers) != 0) {
    return fail(Code::kInvalid, "{}: mode {:04o} lets others than its owner in; do: chmod 600 {}",
                name, status.st_mode & 07777U, path);
  }
  return {};
}

}  // namespace

Result<std::string> read_private_file(const std::filesystem::path& path, std::string_view what,
                                      std::size_t most_bytes) {
  const std::string name = fmt::format("{} {}", what, path.string());
  const OpenFile file(path);
  if (!file.is_open()) return fail(Code::kInvalid, "{}: {}", name, reason_of(errno));
  if (auto checked = check_file(file, name, path.string()); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  std::string content(most_bytes, '\0');
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t got = ::read(file.descriptor(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Code::kInvalid, "{}: {}", name, reason_of(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  content.resize(size);
  return content;
}

}  // namespace fairlead
