#include "store/sqlite/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

namespace fairlead::store::sqlite {
namespace {

constexpr mode_t kOwnerOnly = 0700;
constexpr mode_t kOwnerFile = 0600;
/// The first bytes of every SQLite 3 file (its "Database File Format", 1.3.1).
constexpr std::string_view kMagic("SQLite format 3\0", 16);

std::string reason(int error) { return std::system_category().message(error); }

/// So that the new directory itself survives a power cut.
void sync_parent(const std::filesystem::path& path) {
  const int parent = ::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (parent < 0) return;
  ::fsync(parent);
  ::close(parent);
}

}  // namespace

Result<DataDirectory> DataDirectory::open(const std::filesystem::path& given) {
  const std::filesystem::path path = std::filesystem::absolute(given).lexically_normal();
  if (::mkdir(path.c_str(), kOwnerOnly) == 0) {
    sync_parent(path);
  } else if (errno != EEXIST) {
    return fail(Code::kInternal, "data directory {}: cannot be made: {}", given.string(),
                reason(errno));
  }
  const std::filesystem::path file = path / "lock";
  const int lock = ::open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, kOwnerFile);
  if (lock < 0) {
    return fail(Code::kInternal, "data directory {}: cannot be written: {}", given.string(),
                reason(errno));
  }
  DataDirectory directory(lock);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return fail(Code::kConflict, "data directory {}: another fairlead uses it", given.string());
    }
    return fail(Code::kInternal, "data directory {}: cannot be locked: {}", given.string(),
                reason(errno));
  }
  return directory;
}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : lock_(std::exchange(other.lock_, -1)) {}

DataDirectory::~DataDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

Result<void> check_header(const std::filesystem::path& file) {
  const int opened = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (opened < 0 && errno == ENOENT) return {};
  if (opened < 0) return fail(Code::kInternal, "cannot be read: {}", reason(errno));
  std::array<char, kMagic.size()> first{};
  const ssize_t size = ::read(opened, first.data(), first.size());
  const int error = errno;
  ::close(opened);
  if (size < 0) return fail(Code::kInternal, "cannot be read: {}", reason(error));
  const std::string_view found(first.data(), static_cast<std::size_t>(size));
  if (found.empty() || found == kMagic) return {};
  return fail(Code::kInternal, "it is not a SQLite database");
}

}  // namespace fairlead::store::sqlite
