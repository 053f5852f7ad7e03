#include "store/sqlite/backup.h"

#include <fstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "store/sqlite/data_directory.h"
#include "store/sqlite/file_error.h"
#include "store/sqlite/segment_file.h"

namespace fairlead::store::sqlite {
namespace {

constexpr int kPagesAtOnce = 256;
constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
constexpr const char* kPacked =
    "CREATE TABLE packed_segments (segment INTEGER NOT NULL, piece INTEGER NOT NULL, "
    "data BLOB NOT NULL, PRIMARY KEY (segment, piece)) STRICT";
constexpr const char* kPack =
    "INSERT INTO packed_segments (segment, piece, data) VALUES (?1, ?2, ?3)";

Result<std::vector<std::int64_t>> integers(Database& database, const char* sql) {
  std::vector<std::int64_t> found;
  Statement statement(database, sql);
  Rows rows = statement.query();
  Result<bool> more = rows.next();
  for (; more && *more; more = rows.next()) found.push_back(rows.integer(0));
  if (!more) return std::unexpected(std::move(more.error()));
  return found;
}

/// One backup under way.
class Packer {
 public:
  Packer(const std::filesystem::path& segments, Database& source, Database& target,
         const BackupProgress& progress)
      : segments_(segments),
        source_(source),
        target_(target),
        progress_(progress),
        pack_(target, kPack) {}

  Result<void> run() {
    const auto sealed = copy_database();
    if (!sealed) return std::unexpected(sealed.error());
    if (auto done = target_.execute(std::string("PRAGMA journal_mode = OFF; BEGIN; ") + kPacked);
        !done) {
      return done;
    }
    for (const std::int64_t segment : *sealed) {
      if (auto done = pack(segment); !done) return done;
    }
    return target_.execute("COMMIT");
  }

 private:
  /// Returns the segments that were sealed at that moment: what is sealed later is still in its
  /// table in the copy. The moment is held no longer than this takes, as the hub's log grows
  /// meanwhile.
  Result<std::vector<std::int64_t>> copy_database() {
    const ReadTransaction moment(source_);
    auto sealed = integers(source_, "SELECT id FROM telemetry_segments ORDER BY id");
    if (!sealed) return sealed;
    const auto bytes = integers(source_, "SELECT coalesce(sum(bytes), 0) FROM telemetry_segments");
    if (!bytes) return bytes;
    const Result<void> copied =
        source_.copy_to(target_, kPagesAtOnce, [&](std::uint64_t done, std::uint64_t all) {
          done_ = done;
          all_ = all + static_cast<std::uint64_t>(bytes->front());
          progress_(done_, all_);
        });
    if (!copied) return std::unexpected(copied.error());
    return sealed;
  }

  Result<void> pack(std::int64_t segment) {
    const std::filesystem::path path = segments_.file_of(segment);
    // Retention took it since: it is gone from the hub, too.
    if (!std::filesystem::exists(path)) return forget(segment);
    auto database = Database::open(path.string(), Access::kReader);
    if (!database) return explain(path, database.error());
    // Its lock keeps a removed device's rows in the file until the copy is whole.
    const ReadTransaction still(**database);
    if (auto locked = integers(**database, "SELECT count(*) FROM sqlite_schema"); !locked) {
      return explain(path, locked.error());
    }
    std::ifstream file(path, std::ios::binary);
    std::string piece(kPieceBytes, '\0');
    for (std::int64_t number = 0; file; ++number) {
      file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
      const auto size = static_cast<std::size_t>(file.gcount());
      if (size == 0) break;
      const Blob data{std::string_view(piece).substr(0, size)};
      if (auto done = pack_.run(segment, number, data); !done) return done;
      done_ += size;
      progress_(done_, std::max(done_, all_));
    }
    if (file.bad() || !file.eof())
      return fail(Code::kInternal, "{}: cannot be read", path.string());
    return {};
  }

  Result<void> forget(std::int64_t segment) {
    Statement statement(target_, "DELETE FROM telemetry_segments WHERE id = ?1");
    return statement.run(segment);
  }

  const Segments segments_;
  Database& source_;
  Database& target_;
  const BackupProgress& progress_;
  Statement pack_;
  std::uint64_t done_ = 0;
  std::uint64_t all_ = 0;
};

Result<void> write_segment(Database& database, const std::filesystem::path& path,
                           std::int64_t segment) {
  const std::filesystem::path unfinished = path.string() + ".new";
  {
    std::ofstream file(unfinished, std::ios::binary | std::ios::trunc);
    Statement pieces(database,
                     "SELECT data FROM packed_segments WHERE segment = ?1 ORDER BY piece");
    Rows rows = pieces.query(segment);
    Result<bool> more = rows.next();
    for (; more && *more; more = rows.next()) {
      const std::string_view data = rows.blob(0);
      file.write(data.data(), static_cast<std::streamsize>(data.size()));
    }
    if (!more) return std::unexpected(std::move(more.error()));
    file.close();
    if (!file) return fail(Code::kInternal, "{}: cannot be written", unfinished.string());
  }
  if (auto done = sync_file(unfinished); !done) return done;
  std::error_code error;
  std::filesystem::rename(unfinished, path, error);
  if (error) return fail(Code::kInternal, "{}: {}", path.string(), error.message());
  return sync_directory(path.parent_path());
}

std::filesystem::path unfinished_of(const std::filesystem::path& out) {
  return out.string() + ".new";
}

void remove_unfinished(const std::filesystem::path& out) {
  std::error_code ignored;
  std::filesystem::remove(unfinished_of(out), ignored);
  std::filesystem::remove(unfinished_of(out).string() + "-journal", ignored);
}

/// `out` appears when it is whole and on the disk.
Result<void> write_backup(const std::filesystem::path& data_dir, Database& source,
                          const std::filesystem::path& out, const BackupProgress& progress) {
  const std::filesystem::path unfinished = unfinished_of(out);
  {
    auto target = Database::open(unfinished.string(), Access::kWriter);
    if (!target) return explain(unfinished, target.error());
    Packer packer(DataDirectory::segments_in(data_dir), source, **target, progress);
    if (auto done = packer.run(); !done) return explain(unfinished, done.error());
  }
  if (auto done = sync_file(unfinished); !done) return done;
  std::error_code error;
  std::filesystem::rename(unfinished, out, error);
  if (error) return fail(Code::kInternal, "{}: {}", out.string(), error.message());
  return sync_directory(std::filesystem::absolute(out).parent_path());
}

}  // namespace

Result<std::uint64_t> back_up(const std::filesystem::path& data_dir,
                              const std::filesystem::path& out, const BackupProgress& progress) {
  const std::filesystem::path file = DataDirectory::database_in(data_dir);
  std::error_code error;
  if (std::filesystem::exists(out, error)) {
    return fail(Code::kConflict, "{}: is there already; name another file", out.string());
  }
  // A former attempt may have ended with the process.
  remove_unfinished(out);
  auto source = Database::open(file.string(), Access::kReader);
  if (!source) return explain(file, source.error());
  const Result<void> written = write_backup(data_dir, **source, out, progress);
  if (!written) {
    remove_unfinished(out);
    return std::unexpected(written.error());
  }
  return std::filesystem::file_size(out);
}

Result<void> unpack_segments(Database& database, const Segments& segments) {
  const auto is_packed =
      integers(database, "SELECT count(*) FROM sqlite_schema WHERE name = 'packed_segments'");
  if (!is_packed) return std::unexpected(is_packed.error());
  if (is_packed->front() == 0) return {};
  std::error_code error;
  std::filesystem::create_directories(segments.directory(), error);
  const auto packed = integers(database, "SELECT DISTINCT segment FROM packed_segments");
  if (!packed) return std::unexpected(packed.error());
  for (const std::int64_t segment : *packed) {
    if (auto done = write_segment(database, segments.file_of(segment), segment); !done) return done;
  }
  return database.execute("DROP TABLE packed_segments");
}

}  // namespace fairlead::store::sqlite
