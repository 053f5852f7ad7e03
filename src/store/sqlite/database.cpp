#include "store/sqlite/database.h"

#include <sqlite3.h>

namespace fairlead::store::sqlite {
namespace {

/// Only what goes wrong makes anyone wait: nobody else writes.
constexpr int kBusyTimeoutMs = 5000;
constexpr int kCheckpointTimeoutMs = 50;

/// SQLite would count each allocation under one lock for all threads, for statistics nobody reads.
void leave_allocations_uncounted() {
  [[maybe_unused]] static const int once = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

}  // namespace

void Database::Closer::operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }

void Statement::Finalizer::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Database::Database(std::unique_ptr<sqlite3, Closer> connection)
    : connection_(std::move(connection)) {
  sqlite3_wal_hook(
      connection_.get(),
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Database*>(self)->log_pages_ = pages;
        return SQLITE_OK;
      },
      this);
}

Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(const std::string& path, Access access) {
  leave_allocations_uncounted();
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  flags |=
      access == Access::kWriter ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  std::unique_ptr<sqlite3, Closer> connection(raw);
  if (code != SQLITE_OK) {
    return fail(Code::kInternal, "{}",
                connection ? sqlite3_errmsg(connection.get()) : sqlite3_errstr(code));
  }
  sqlite3_busy_timeout(connection.get(), kBusyTimeoutMs);
  return std::unique_ptr<Database>(new Database(std::move(connection)));
}

Result<void> Database::execute(const std::string& sql) {
  if (sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return std::unexpected(error());
  }
  return {};
}

Error Database::error() const {
  return Error{.code = Code::kInternal, .message = sqlite3_errmsg(connection_.get())};
}

Result<void> Database::copy_to(Database& target, int pages_at_once,
                               const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  constexpr std::uint64_t kPageBytes = 4096;
  sqlite3_backup* copy =
      sqlite3_backup_init(target.connection_.get(), "main", connection_.get(), "main");
  if (copy == nullptr) return std::unexpected(target.error());
  int code = SQLITE_OK;
  while (code == SQLITE_OK) {
    code = sqlite3_backup_step(copy, pages_at_once);
    const auto all = static_cast<std::uint64_t>(sqlite3_backup_pagecount(copy));
    const auto left = static_cast<std::uint64_t>(sqlite3_backup_remaining(copy));
    progress((all - left) * kPageBytes, all * kPageBytes);
  }
  sqlite3_backup_finish(copy);
  if (code != SQLITE_DONE) return fail(Code::kInternal, "{}", sqlite3_errstr(code));
  return {};
}

Result<void> Database::checkpoint(bool waits_for_readers) {
  const int mode = waits_for_readers ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
  // A reader that stays, as a backup does, must not hold up the commits behind this.
  sqlite3_busy_timeout(connection_.get(), kCheckpointTimeoutMs);
  const int code = sqlite3_wal_checkpoint_v2(connection_.get(), nullptr, mode, nullptr, nullptr);
  sqlite3_busy_timeout(connection_.get(), kBusyTimeoutMs);
  if (code != SQLITE_OK && (code & 0xFF) != SQLITE_BUSY) return std::unexpected(error());
  return {};
}

void Database::release_memory() { sqlite3_db_release_memory(connection_.get()); }
std::int64_t Database::changes() const { return sqlite3_changes64(connection_.get()); }

bool Database::is_in_transaction() const { return sqlite3_get_autocommit(connection_.get()) == 0; }

// ---- Statement ----------------------------------------------------------------------------------

void Statement::bind(int index, std::int64_t value) {
  note(sqlite3_bind_int64(prepared_.get(), index, value));
}

void Statement::bind(int index, double value) {
  note(sqlite3_bind_double(prepared_.get(), index, value));
}

void Statement::bind(int index, std::string_view value) {
  // A null pointer would bind NULL, and an empty view may have one.
  const char* text = value.data() == nullptr ? "" : value.data();
  note(sqlite3_bind_text64(prepared_.get(), index, text, value.size(),
                           is_copying_ ? SQLITE_TRANSIENT : SQLITE_STATIC, SQLITE_UTF8));
}

void Statement::bind(int index, const Blob& value) {
  note(sqlite3_bind_blob64(prepared_.get(), index, value.bytes.data(), value.bytes.size(),
                           is_copying_ ? SQLITE_TRANSIENT : SQLITE_STATIC));
}

void Statement::bind_null(int index) { note(sqlite3_bind_null(prepared_.get(), index)); }

void Statement::note(int code) {
  if (code != SQLITE_OK && !problem_) problem_ = database_.error();
}

Result<void> Statement::begin() {
  problem_.reset();
  if (prepared_) return {};
  sqlite3_stmt* raw = nullptr;
  note(sqlite3_prepare_v3(database_.connection_.get(), sql_.data(), static_cast<int>(sql_.size()),
                          SQLITE_PREPARE_PERSISTENT, &raw, nullptr));
  prepared_.reset(raw);
  if (problem_) return std::unexpected(*problem_);
  return {};
}

Result<bool> Statement::step() {
  if (problem_) return std::unexpected(*problem_);
  switch (sqlite3_step(prepared_.get())) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return std::unexpected(database_.error());
  }
}

Result<void> Statement::finish() {
  Result<bool> more = true;
  while (more && *more) more = step();
  reset();
  if (!more) return std::unexpected(std::move(more.error()));
  return {};
}

void Statement::reset() {
  if (prepared_) sqlite3_reset(prepared_.get());
}

// ---- Rows ---------------------------------------------------------------------------------------

Rows::~Rows() { statement_.reset(); }

Result<bool> Rows::next() { return statement_.step(); }

std::int64_t Rows::integer(int column) const {
  return sqlite3_column_int64(statement_.prepared_.get(), column);
}

double Rows::real(int column) const {
  return sqlite3_column_double(statement_.prepared_.get(), column);
}

std::string_view Rows::view(int column) const {
  sqlite3_stmt* statement = statement_.prepared_.get();
  const unsigned char* bytes = sqlite3_column_text(statement, column);
  if (bytes == nullptr) return {};
  return {reinterpret_cast<const char*>(bytes),
          static_cast<std::size_t>(sqlite3_column_bytes(statement, column))};
}

std::string_view Rows::blob(int column) const {
  sqlite3_stmt* statement = statement_.prepared_.get();
  const void* bytes = sqlite3_column_blob(statement, column);
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes),
          static_cast<std::size_t>(sqlite3_column_bytes(statement, column))};
}

bool Rows::is_null(int column) const {
  return sqlite3_column_type(statement_.prepared_.get(), column) == SQLITE_NULL;
}

std::optional<std::int64_t> Rows::optional_integer(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

std::optional<std::string> Rows::optional_text(int column) const {
  if (is_null(column)) return std::nullopt;
  return text(column);
}

}  // namespace fairlead::store::sqlite
