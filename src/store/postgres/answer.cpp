#include "store/postgres/answer.h"

#include <libpq-fe.h>

#include "base/assert.h"

namespace fairlead::store::postgres {

void Answer::Closer::operator()(pg_result* result) const { PQclear(result); }

int Answer::rows() const { return PQntuples(result_.get()); }

std::string_view Answer::view(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::int64_t Answer::integer(int row, int column) const {
  const std::string_view bytes = view(row, column);
  FAIRLEAD_ASSERT(bytes.size() == sizeof(std::int64_t) || bytes.size() == 1);
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8U | static_cast<unsigned char>(byte);
  return static_cast<std::int64_t>(value);
}

bool Answer::is_null(int row, int column) const {
  return PQgetisnull(result_.get(), row, column) != 0;
}

std::optional<std::int64_t> Answer::optional_integer(int row, int column) const {
  if (is_null(row, column)) return std::nullopt;
  return integer(row, column);
}

std::optional<std::string> Answer::optional_text(int row, int column) const {
  if (is_null(row, column)) return std::nullopt;
  return text(row, column);
}

}  // namespace fairlead::store::postgres
