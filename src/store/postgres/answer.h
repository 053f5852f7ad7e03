#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct pg_result;

namespace fairlead::store::postgres {

/// What a statement gave: rows in binary form. Rows and columns from 0 on.
class Answer {
 public:
  explicit Answer(pg_result* result) : result_(result) {}

  int rows() const;
  /// Of a bigint or a boolean.
  std::int64_t integer(int row, int column) const;
  /// Of a text. Lasts as long as this object.
  std::string_view view(int row, int column) const;
  std::string text(int row, int column) const { return std::string(view(row, column)); }
  bool is_null(int row, int column) const;
  std::optional<std::int64_t> optional_integer(int row, int column) const;
  std::optional<std::string> optional_text(int row, int column) const;

 private:
  friend class Connection;
  struct Closer {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Closer> result_;
};

}  // namespace fairlead::store::postgres
