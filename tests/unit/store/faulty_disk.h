#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"

namespace fairlead::store::test {

/// A disk that fails on purpose. While it lives, every call beneath SQLite and beneath the store's
/// own file handling that changes something below `root` comes here: SQLite's through the calls of
/// its unix VFS, ours (and both fsyncs) through the functions of the C library, whose place this
/// program takes. It counts the calls, can fail one, and can cut the power: then nothing happens
/// any more, and lose_power() takes back what had not been synced. One at a time, on one thread.
class FaultyDisk {
 public:
  explicit FaultyDisk(std::filesystem::path root);
  ~FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  /// Calls so far.
  std::int64_t calls() const { return calls_; }
  /// The call behind `calls` more of them, and the `count - 1` behind that, fail with `error` and
  /// do nothing.
  void fail_after(std::int64_t calls, int error, std::int64_t count = 1);
  /// From there on every one does.
  void cut_power_after(std::int64_t calls) { fail_after(calls, EIO, INT64_MAX / 2); }
  bool has_failed() const { return has_failed_; }
  void heal() { first_failure_ = INT64_MAX; }
  /// Takes back any part of what was not synced: sectors, sizes, and the last of the names that
  /// were given or taken. Then all is well, and on the disk. Nobody has a file open.
  void lose_power(Random& random);

  // ---- for the calls ----------------------------------------------------------------------------
  static constexpr std::size_t kSectorBytes = 512;

  static FaultyDisk* current();
  bool is_ours(const std::string& path) const { return path.starts_with(root_.string() + "/"); }
  /// A call that changes something: whether it is to fail; then errno is set.
  bool fails();
  void opened(int file, const std::string& path, bool is_new);
  void before_write(int file, std::int64_t offset, std::size_t bytes);
  void before_truncate(int file, std::int64_t size);
  void synced(int file);
  void sync_failed(int file);
  void renamed(const std::string& from, const std::string& to);
  /// Takes the file out of sight.
  bool unlink(const std::string& path);

 private:
  using Sector = std::array<char, kSectorBytes>;
  /// What one file has on the disk where that is not what it has now.
  struct File {
    std::int64_t durable_size = 0;
    std::map<std::int64_t, Sector> durable;
    /// Sectors that a failed fsync has dropped: a later one does not bring them back.
    std::set<std::int64_t> dropped;
  };
  enum class Change : std::uint8_t { kCreated, kRenamed, kUnlinked };
  /// A change of names that its directory has not synced.
  struct NameChange {
    Change change = Change::kCreated;
    std::string path;
    /// Of kRenamed: where it was. Of kUnlinked: where it is out of sight.
    std::string other;
    ino_t inode = 0;
  };

  void keep(File& file, int descriptor, std::int64_t sector);
  File* file_of(int descriptor);
  void undo(const NameChange& change);
  void take_back(const std::filesystem::path& path, const File& file, Random& random, bool all);

  const std::filesystem::path root_;
  const std::filesystem::path graveyard_;
  std::map<ino_t, File> files_;
  std::vector<NameChange> names_;
  std::int64_t buried_ = 0;
  std::int64_t calls_ = 0;
  std::int64_t first_failure_ = INT64_MAX;
  std::int64_t last_failure_ = INT64_MAX;
  int error_ = EIO;
  bool has_failed_ = false;
};

}  // namespace fairlead::store::test
