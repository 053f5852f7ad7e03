#include "support/failure.h"

#include <fmt/format.h>

namespace fairlead::support {

void fail_at(const std::source_location& where, const std::string& text) {
  throw Failure(fmt::format("{}:{}: {}", where.file_name(), where.line(), text));
}

}  // namespace fairlead::support
