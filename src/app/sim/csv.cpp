#include "app/sim/csv.h"

#include <algorithm>
#include <utility>

namespace fairlead::app::sim {
namespace {

using Record = std::vector<std::string>;

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  }

  bool is_at_end() const { return at_ >= text_.size(); }

  Result<Record> take_record() {
    Record record;
    while (true) {
      auto field = peek() == '"' ? take_quoted() : take_plain();
      if (!field) return std::unexpected(std::move(field.error()));
      record.push_back(*std::move(field));
      if (peek() != ',') break;
      ++at_;
    }
    if (peek() == '\r') ++at_;
    if (peek() == '\n') ++at_;
    ++line_;
    return record;
  }

 private:
  char peek() const { return is_at_end() ? '\0' : text_[at_]; }

  Result<std::string> take_plain() {
    const std::size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
    std::string field(text_.substr(at_, end - at_));
    at_ = end;
    return field;
  }

  Result<std::string> take_quoted() {
    const std::size_t opened = line_;
    std::string field;
    for (++at_; !is_at_end(); ++at_) {
      if (peek() == '\n') ++line_;
      if (peek() != '"') {
        field += peek();
        continue;
      }
      ++at_;
      if (peek() == '"') {
        field += '"';
        continue;
      }
      if (!is_at_end() && std::string_view(",\r\n").find(peek()) == std::string_view::npos) {
        return fail(Code::kInvalid, "line {}: text behind a closing quote", line_);
      }
      return field;
    }
    return fail(Code::kInvalid, "line {}: a quote that is not closed", opened);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

}  // namespace

Result<std::vector<std::vector<std::string>>> parse_csv(std::string_view text) {
  std::vector<Record> records;
  Reader reader(text);
  while (!reader.is_at_end()) {
    auto record = reader.take_record();
    if (!record) return std::unexpected(std::move(record.error()));
    if (record->size() == 1 && record->front().empty()) continue;
    records.push_back(*std::move(record));
  }
  return records;
}

}  // namespace fairlead::app::sim
