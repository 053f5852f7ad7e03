#include "store/sqlite/check.h"

#include <fmt/format.h>

#include <utility>

#include "store/sqlite/data_directory.h"
#include "store/sqlite/database.h"
#include "store/sqlite/segments.h"

namespace fairlead::store::sqlite {
namespace {

/// Lines of one file that a person is told of.
constexpr std::size_t kMostLines = 20;

class Checker {
 public:
  explicit Checker(const std::filesystem::path& data_dir)
      : file_(DataDirectory::database_in(data_dir)),
        segments_(DataDirectory::segments_in(data_dir)) {}

  Result<std::vector<std::string>> run() {
    if (auto known = check_header(file_); !known) {
      return fail(Code::kInternal, "{}: {}", file_.string(), known.error().message);
    }
    auto database = Database::open(file_.string(), Access::kReader);
    if (!database) {
      return fail(Code::kInternal, "{}: {}", file_.string(), database.error().message);
    }
    const ReadTransaction moment(**database);
    look(file_, **database, "PRAGMA integrity_check(20)");
    look(file_, **database,
         "SELECT 'row ' || rowid || ' of ' || \"table\" || ' has no row in ' || parent "
         "FROM pragma_foreign_key_check LIMIT 20");
    check_segments(**database);
    return std::move(problems_);
  }

 private:
  /// Each row that is not `ok` is a problem.
  void look(const std::filesystem::path& file, Database& database, const std::string& sql) {
    Statement statement(database, sql);
    Rows rows = statement.query();
    std::size_t lines = 0;
    Result<bool> more = rows.next();
    for (; more && *more && lines < kMostLines; more = rows.next(), ++lines) {
      if (rows.view(0) != "ok") note(file, rows.text(0));
    }
    if (!more) note(file, more.error().message);
  }

  void check_segments(Database& database) {
    Statement statement(database, "SELECT id, rows FROM telemetry_segments ORDER BY id");
    Rows rows = statement.query();
    Result<bool> more = rows.next();
    for (; more && *more; more = rows.next()) {
      const std::filesystem::path file = segments_.file_of(rows.integer(0));
      if (!std::filesystem::exists(file)) {
        note(file, "is missing");
        continue;
      }
      auto segment = Database::open(file.string(), Access::kReader);
      if (!segment) {
        note(file, segment.error().message);
        continue;
      }
      look(file, **segment, "PRAGMA integrity_check(20)");
      // Fewer are right: those of removed devices are taken out.
      look(file, **segment,
           fmt::format("SELECT 'has ' || count(*) || ' samples, not {0} or fewer' "
                       "FROM telemetry_data HAVING count(*) > {0}",
                       rows.integer(1)));
      look(file, **segment,
           "SELECT 'device ' || s.device || ' lacks samples' FROM segment_devices AS s "
           "WHERE (SELECT count(*) FROM telemetry_data AS d WHERE d.device = s.device) "
           "<> s.last_offset - s.first_offset + 1 LIMIT 20");
    }
    if (!more) note(file_, more.error().message);
  }

  void note(const std::filesystem::path& file, const std::string& what) {
    problems_.push_back(fmt::format("{}: {}", file.string(), what));
  }

  const std::filesystem::path file_;
  const Segments segments_;
  std::vector<std::string> problems_;
};

}  // namespace

Result<std::vector<std::string>> check(const std::filesystem::path& data_dir) {
  return Checker(data_dir).run();
}

}  // namespace fairlead::store::sqlite
