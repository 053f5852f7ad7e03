#include "protocol/problems.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "protocol/limits.h"

namespace fairlead::protocol {
namespace {

constexpr bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

}  // namespace

void Problems::add(std::string path, std::string problem) {
  ++count_;
  if (fields_.size() < kMaxProblems) fields_.push_back({std::move(path), std::move(problem)});
}

void Problems::add_too_large(std::string path, std::string problem, std::int64_t limit) {
  if (too_large_++ == 0) limit_ = limit;
  add(std::move(path), std::move(problem));
}

void Problems::add_all(std::vector<FieldProblem> found) {
  for (FieldProblem& each : found) add(std::move(each.path), std::move(each.problem));
}

Error Problems::to_error() && {
  FAIRLEAD_ASSERT(!fields_.empty());
  Error error{.code = Code::kInvalid,
              .message = fmt::format("{}: {}", fields_[0].path, fields_[0].problem)};
  if (count_ > 1) error.message += fmt::format(" (and {} more)", count_ - 1);
  if (too_large_ == count_) {
    error.code = Code::kTooLarge;
    error.limit = limit_;
  }
  error.fields = std::move(fields_);
  return error;
}

std::string shortened(std::string_view text, std::size_t longest_bytes) {
  if (text.size() <= longest_bytes) return std::string(text);
  std::size_t end = longest_bytes;
  while (end > 0 && continues_character(text[end])) --end;
  return std::string(text.substr(0, end)) + "…";
}

std::size_t count_characters(std::string_view text) {
  return text.size() - static_cast<std::size_t>(std::ranges::count_if(text, continues_character));
}

}  // namespace fairlead::protocol
