#include "unit/store/faulty_disk.h"

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <ranges>

namespace fairlead::store::test {
namespace {

FaultyDisk* the_disk = nullptr;

std::string path_of(int descriptor) {
  std::array<char, PATH_MAX> path{};
  const std::string link = fmt::format("/proc/self/fd/{}", descriptor);
  const ssize_t size = ::readlink(link.c_str(), path.data(), path.size());
  return {path.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

ino_t inode_of(int descriptor) {
  struct stat found{};
  return ::fstat(descriptor, &found) == 0 ? found.st_ino : 0;
}

std::int64_t size_of(int descriptor) {
  struct stat found{};
  return ::fstat(descriptor, &found) == 0 ? found.st_size : 0;
}

/// The C library's own function, behind one of ours.
template <typename Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

// ---- what SQLite calls instead of the system ----------------------------------------------------

int open_file(const char* path, int flags, int mode) {
  FaultyDisk* const disk = the_disk;
  const bool is_ours = disk != nullptr && disk->is_ours(path);
  const bool is_new = is_ours && (flags & O_CREAT) != 0 && ::access(path, F_OK) != 0;
  if (is_new && disk->fails()) return -1;
  const int file = ::open(path, flags, mode);
  if (is_ours && file >= 0) disk->opened(file, path, is_new);
  return file;
}

ssize_t pwrite_file(int file, const void* bytes, std::size_t size, off_t offset) {
  if (the_disk != nullptr) {
    if (the_disk->fails()) return -1;
    the_disk->before_write(file, offset, size);
  }
  return ::pwrite(file, bytes, size, offset);
}

ssize_t write_file(int file, const void* bytes, std::size_t size) {
  if (the_disk != nullptr) {
    if (the_disk->fails()) return -1;
    the_disk->before_write(file, ::lseek(file, 0, SEEK_CUR), size);
  }
  return ::write(file, bytes, size);
}

int truncate_file(int file, off_t size) {
  if (the_disk != nullptr) {
    if (the_disk->fails()) return -1;
    the_disk->before_truncate(file, size);
  }
  return ::ftruncate(file, size);
}

int unlink_file(const char* path) {
  if (the_disk == nullptr || !the_disk->is_ours(path)) return ::unlink(path);
  if (the_disk->fails()) return -1;
  return the_disk->unlink(path) ? 0 : -1;
}

template <typename Function>
sqlite3_syscall_ptr as_call(Function* function) {
  return reinterpret_cast<sqlite3_syscall_ptr>(function);
}

/// Null gives SQLite its own back.
void replace_calls(bool with_ours) {
  sqlite3_vfs* const vfs = sqlite3_vfs_find("unix");
  REQUIRE(vfs != nullptr);
  const std::array calls = {
      std::pair("open", as_call(open_file)),          std::pair("pwrite", as_call(pwrite_file)),
      std::pair("pwrite64", as_call(pwrite_file)),    std::pair("write", as_call(write_file)),
      std::pair("ftruncate", as_call(truncate_file)), std::pair("unlink", as_call(unlink_file))};
  for (const auto& [name, call] : calls) {
    vfs->xSetSystemCall(vfs, name, with_ours ? call : nullptr);
  }
}

int sync_with(int file, const char* name) {
  FaultyDisk* const disk = the_disk;
  const bool is_ours = disk != nullptr && disk->is_ours(path_of(file) + "/");
  if (is_ours && disk->fails()) {
    const int error = errno;
    disk->sync_failed(file);
    errno = error;
    return -1;
  }
  // To the kernel nothing is asked of: the test may end, the machine will not.
  if (is_ours) {
    disk->synced(file);
    return 0;
  }
  return real<int(int)>(name)(file);
}

}  // namespace

FaultyDisk::FaultyDisk(std::filesystem::path root)
    : root_(std::move(root)), graveyard_(root_.string() + "-unlinked") {
  REQUIRE(the_disk == nullptr);
  std::filesystem::create_directory(graveyard_);
  the_disk = this;
  replace_calls(true);
}

FaultyDisk::~FaultyDisk() {
  replace_calls(false);
  the_disk = nullptr;
  std::error_code ignored;
  std::filesystem::remove_all(graveyard_, ignored);
}

FaultyDisk* FaultyDisk::current() { return the_disk; }

void FaultyDisk::fail_after(std::int64_t calls, int error, std::int64_t count) {
  first_failure_ = calls_ + calls;
  last_failure_ = first_failure_ + count - 1;
  error_ = error;
  has_failed_ = false;
}

bool FaultyDisk::fails() {
  const std::int64_t call = calls_++;
  if (call < first_failure_ || call > last_failure_) return false;
  has_failed_ = true;
  errno = error_;
  return true;
}

// ---- what is not on the disk yet ----------------------------------------------------------------

FaultyDisk::File* FaultyDisk::file_of(int descriptor) {
  const auto found = files_.find(inode_of(descriptor));
  return found == files_.end() ? nullptr : &found->second;
}

void FaultyDisk::opened(int file, const std::string& path, bool is_new) {
  // Shared memory in disguise: it does not outlive its processes.
  if (path.ends_with("-shm")) return;
  const ino_t inode = inode_of(file);
  if (is_new) {
    files_[inode] = {};
    names_.push_back({.change = Change::kCreated, .path = path, .other = {}, .inode = inode});
  } else if (!files_.contains(inode)) {
    files_[inode].durable_size = size_of(file);
  }
}

/// As it is on the disk: what lies beyond the end is zeros.
void FaultyDisk::keep(File& file, int descriptor, std::int64_t sector) {
  const auto [place, is_new] = file.durable.try_emplace(sector);
  if (!is_new) return;
  place->second.fill('\0');
  const std::int64_t begin = sector * static_cast<std::int64_t>(kSectorBytes);
  // Read through a descriptor of its own: theirs may be for writing only.
  const int reading = ::open(path_of(descriptor).c_str(), O_RDONLY | O_CLOEXEC);
  if (reading < 0) return;
  static_cast<void>(::pread(reading, place->second.data(), kSectorBytes, begin));
  ::close(reading);
}

void FaultyDisk::before_write(int file, std::int64_t offset, std::size_t bytes) {
  File* const found = file_of(file);
  if (found == nullptr || bytes == 0) return;
  constexpr auto kBytes = static_cast<std::int64_t>(kSectorBytes);
  const std::int64_t last = (offset + static_cast<std::int64_t>(bytes) - 1) / kBytes;
  for (std::int64_t sector = offset / kBytes; sector <= last; ++sector) {
    keep(*found, file, sector);
    found->dropped.erase(sector);
  }
}

void FaultyDisk::before_truncate(int file, std::int64_t size) {
  File* const found = file_of(file);
  if (found == nullptr) return;
  constexpr auto kBytes = static_cast<std::int64_t>(kSectorBytes);
  for (std::int64_t sector = size / kBytes; sector * kBytes < size_of(file); ++sector) {
    keep(*found, file, sector);
  }
}

void FaultyDisk::synced(int file) {
  struct stat found{};
  if (::fstat(file, &found) != 0) return;
  if (S_ISDIR(found.st_mode)) {
    const std::string directory = path_of(file);
    std::erase_if(names_, [&](const NameChange& change) {
      return std::filesystem::path(change.path).parent_path() == directory;
    });
    return;
  }
  // A file that is synced is there, whatever its directory knows (ext4, XFS).
  std::erase_if(names_, [&](const NameChange& change) {
    return change.change == Change::kCreated && change.inode == found.st_ino;
  });
  File* const state = file_of(file);
  if (state == nullptr) return;
  std::erase_if(state->durable,
                [&](const auto& kept) { return !state->dropped.contains(kept.first); });
  state->durable_size = found.st_size;
}

/// Linux forgets that these pages are to be written.
void FaultyDisk::sync_failed(int file) {
  File* const state = file_of(file);
  if (state == nullptr) return;
  for (const auto& [sector, content] : state->durable) state->dropped.insert(sector);
}

void FaultyDisk::renamed(const std::string& from, const std::string& to) {
  names_.push_back({.change = Change::kRenamed, .path = to, .other = from});
}

bool FaultyDisk::unlink(const std::string& path) {
  if (path.ends_with("-shm")) return ::unlink(path.c_str()) == 0;
  const std::string grave = (graveyard_ / std::to_string(++buried_)).string();
  if (real<int(const char*, const char*)>("rename")(path.c_str(), grave.c_str()) != 0) return false;
  names_.push_back({.change = Change::kUnlinked, .path = path, .other = grave});
  return true;
}

// ---- the power is gone --------------------------------------------------------------------------

void FaultyDisk::undo(const NameChange& change) {
  const auto move = real<int(const char*, const char*)>("rename");
  switch (change.change) {
    case Change::kCreated:
      ::unlink(change.path.c_str());
      return;
    case Change::kRenamed:
    case Change::kUnlinked:
      move(change.change == Change::kRenamed ? change.path.c_str() : change.other.c_str(),
           change.change == Change::kRenamed ? change.other.c_str() : change.path.c_str());
      return;
  }
}

void FaultyDisk::take_back(const std::filesystem::path& path, const File& file, Random& random,
                           bool all) {
  const int opened = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(opened >= 0);
  for (const auto& [sector, content] : file.durable) {
    const bool is_lost = all || file.dropped.contains(sector) || random.below(2) == 0;
    if (!is_lost) continue;
    const std::int64_t begin = sector * static_cast<std::int64_t>(kSectorBytes);
    // Nothing is written beyond the end.
    const std::int64_t most = std::max(size_of(opened), file.durable_size) - begin;
    if (most <= 0) continue;
    const auto bytes =
        static_cast<std::size_t>(std::min(most, static_cast<std::int64_t>(kSectorBytes)));
    REQUIRE(::pwrite(opened, content.data(), bytes, begin) == static_cast<ssize_t>(bytes));
  }
  const bool has_old_size = all || random.below(2) == 0;
  if (has_old_size) REQUIRE(::ftruncate(opened, file.durable_size) == 0);
  ::close(opened);
}

void FaultyDisk::lose_power(Random& random) {
  heal();
  // Names are lost in the order in which they were changed: file systems keep a journal of them.
  const auto kept = static_cast<std::ptrdiff_t>(random.below(names_.size() + 1));
  for (const NameChange& change : names_ | std::views::drop(kept) | std::views::reverse) {
    undo(change);
  }
  // Now and then everything goes, or nothing but names.
  const std::uint64_t mood = random.below(4);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
    const std::string path = entry.path().string();
    if (path.ends_with("-shm")) {
      ::unlink(path.c_str());
      continue;
    }
    struct stat found{};
    if (::stat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) continue;
    const auto state = files_.find(found.st_ino);
    if (state == files_.end() || (mood == 0 && state->second.dropped.empty())) continue;
    take_back(path, state->second, random, mood == 1);
  }
  files_.clear();
  names_.clear();
  std::filesystem::remove_all(graveyard_);
  std::filesystem::create_directory(graveyard_);
}

}  // namespace fairlead::store::test

// ---- in place of the C library's, in this program -----------------------------------------------

extern "C" {

int fsync(int file) { return fairlead::store::test::sync_with(file, "fsync"); }

int fdatasync(int file) { return fairlead::store::test::sync_with(file, "fdatasync"); }

int rename(const char* from, const char* to) noexcept {
  using fairlead::store::test::FaultyDisk;
  FaultyDisk* const disk = FaultyDisk::current();
  const bool is_ours = disk != nullptr && disk->is_ours(to);
  if (is_ours && disk->fails()) return -1;
  const int result = fairlead::store::test::real<int(const char*, const char*)>("rename")(from, to);
  if (is_ours && result == 0) disk->renamed(from, to);
  return result;
}

int remove(const char* path) noexcept {
  using fairlead::store::test::FaultyDisk;
  FaultyDisk* const disk = FaultyDisk::current();
  if (disk == nullptr || !disk->is_ours(path) || ::access(path, F_OK) != 0) {
    return fairlead::store::test::real<int(const char*)>("remove")(path);
  }
  if (disk->fails()) return -1;
  return disk->unlink(path) ? 0 : -1;
}

}  // extern "C"
