#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace fairlead::store::sqlite {

/// What a connection is for. The writer is the only one that writes and checkpoints.
enum class Access : std::uint8_t { kWriter, kReader };

/// One connection to a SQLite file. One thread at a time. Errors carry SQLite's own words.
class Database {
 public:
  /// A writer creates the file when there is none.
  static Result<std::unique_ptr<Database>> open(const std::string& path, Access access);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Runs SQL text of any number of statements; rows are ignored.
  Result<void> execute(const std::string& sql);
  /// What went wrong last.
  Error error() const;
  /// Makes `target` a copy of this as it is when the transaction under way began, some pages at a
  /// time; `progress` hears of bytes done and of all of them.
  Result<void> copy_to(Database& target, int pages_at_once,
                       const std::function<void(std::uint64_t, std::uint64_t)>& progress);
  /// Copies back what the write-ahead log holds, as far as no reader is in the way.
  Result<void> checkpoint(bool waits_for_readers);
  /// Forgets the pages that it keeps in memory; they are read again when they are needed.
  void release_memory();
  /// Pages in the write-ahead log after the last commit of this connection.
  int log_pages() const { return log_pages_; }
  bool is_in_transaction() const;
  /// Rows that the last INSERT, UPDATE or DELETE changed.
  std::int64_t changes() const;

 private:
  friend class Statement;
  struct Closer {
    void operator()(sqlite3* connection) const;
  };

  explicit Database(std::unique_ptr<sqlite3, Closer> connection);

  std::unique_ptr<sqlite3, Closer> connection_;
  int log_pages_ = 0;
};

/// What is read while this lives is read at one moment, and locked once instead of once a
/// statement.
class ReadTransaction {
 public:
  explicit ReadTransaction(Database& database) : database_(database) {
    // Without it every statement is a transaction of its own, which is slower and as right.
    static_cast<void>(database_.execute("BEGIN"));
  }
  ~ReadTransaction() { static_cast<void>(database_.execute("COMMIT")); }
  ReadTransaction(const ReadTransaction&) = delete;
  ReadTransaction& operator=(const ReadTransaction&) = delete;

 private:
  Database& database_;
};

/// Bytes that are no text.
struct Blob {
  std::string_view bytes;
};

class Statement;

/// The rows of one use of a statement. Its end gives the statement, and what it had locked, free.
class Rows {
 public:
  explicit Rows(Statement& statement) : statement_(statement) {}
  ~Rows();
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  /// Goes to the next row; false behind the last one.
  Result<bool> next();

  // Columns of the row, from 0 on. Views last until the next row.
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string_view view(int column) const;
  std::string_view blob(int column) const;
  std::string text(int column) const { return std::string(view(column)); }
  std::optional<std::int64_t> optional_integer(int column) const;
  std::optional<std::string> optional_text(int column) const;

 private:
  bool is_null(int column) const;

  Statement& statement_;
};

/// A statement that is prepared at its first use and kept. Dies before its database.
class Statement {
 public:
  /// `sql` lives as long as this.
  Statement(Database& database, std::string_view sql) : database_(database), sql_(sql) {}
  template <std::same_as<std::string> Text>
  Statement(Database& database, Text&& sql) = delete;

  /// Binds `values` to ?1, ?2, … and runs to the end.
  template <typename... Values>
  Result<void> run(const Values&... values) {
    if (auto ready = begin(); !ready) return ready;
    is_copying_ = false;
    bind_all(values...);
    return finish();
  }

  /// Binds `values` and waits for Rows::next(). They are copied.
  template <typename... Values>
  Rows query(const Values&... values) {
    is_copying_ = true;
    if (begin()) bind_all(values...);
    return Rows(*this);
  }

 private:
  friend class Rows;
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const;
  };

  template <typename... Values>
  void bind_all(const Values&... values) {
    int index = 0;
    (bind(++index, values), ...);
  }
  template <typename T>
  void bind(int index, const std::optional<T>& value) {
    if (value) {
      bind(index, *value);
    } else {
      bind_null(index);
    }
  }
  void bind(int index, std::int64_t value);
  void bind(int index, double value);
  void bind(int index, std::string_view value);
  void bind(int index, const Blob& value);
  void bind(int index, const std::string& value) { bind(index, std::string_view(value)); }
  void bind(int index, const char* value) { bind(index, std::string_view(value)); }
  void bind_null(int index);

  Result<void> begin();
  Result<bool> step();
  Result<void> finish();
  void reset();
  void note(int code);

  Database& database_;
  const std::string_view sql_;
  std::unique_ptr<sqlite3_stmt, Finalizer> prepared_;
  std::optional<Error> problem_;
  bool is_copying_ = true;
};

}  // namespace fairlead::store::sqlite
