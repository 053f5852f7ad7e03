#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "app/sim/recording.h"
#include "app/transfer/row_source.h"
#include "app/transfer/time_text.h"
#include "protocol/json_writer.h"
#include "protocol/limits.h"
#include "protocol/names.h"

namespace fairlead::app::transfer {
namespace {

struct Cell {
  std::string text;
  bool is_quoted = false;
};

/// Records of RFC 4180, one at a time; empty lines are left out.
class Records {
 public:
  explicit Records(Input& input) : input_(input) {}

  /// Fills `cells`, which keep their memory; nothing behind the last record.
  Result<std::optional<std::size_t>> next(std::vector<Cell>& cells) {
    while (true) {
      line_ = input_.line();
      if (input_.peek() == Input::kEnd) {
        if (auto good = input_.problem(); !good) return std::unexpected(good.error());
        return std::nullopt;
      }
      const auto count = take_record(cells);
      if (!count) return std::unexpected(count.error());
      const bool is_empty = *count == 1 && cells[0].text.empty() && !cells[0].is_quoted;
      if (!is_empty) return *count;
    }
  }
  /// Where the last record began.
  std::uint64_t line() const { return line_; }

  std::unexpected<Error> bad(std::string_view problem) const {
    return fail(Code::kInvalid, "{}, line {}: {}", input_.name(), line_, problem);
  }

 private:
  Result<std::size_t> take_record(std::vector<Cell>& cells) {
    std::size_t bytes = 0;
    for (std::size_t count = 0;; input_.take()) {
      if (count == cells.size()) cells.emplace_back();
      Cell& cell = cells[count++];
      if (auto taken = take_cell(cell); !taken) return std::unexpected(taken.error());
      bytes += cell.text.size() + 1;
      if (bytes >= Input::kMaxRecordBytes) return bad("is longer than 16 MiB");
      if (input_.peek() == ',') continue;
      if (input_.peek() == '\r') input_.take();
      if (input_.peek() == '\n') input_.take();
      return count;
    }
  }

  Result<void> take_cell(Cell& cell) {
    cell.text.clear();
    cell.is_quoted = input_.peek() == '"';
    if (!cell.is_quoted) {
      while (!is_behind_cell() && cell.text.size() < Input::kMaxRecordBytes) {
        cell.text += static_cast<char>(input_.take());
      }
      return {};
    }
    input_.take();
    while (cell.text.size() < Input::kMaxRecordBytes) {
      const int byte = input_.take();
      if (byte == Input::kEnd) return bad("a quote that is not closed");
      if (byte != '"') {
        cell.text += static_cast<char>(byte);
      } else if (input_.peek() == '"') {
        cell.text += static_cast<char>(input_.take());
      } else if (is_behind_cell()) {
        return {};
      } else {
        return bad("text behind a closing quote");
      }
    }
    return {};
  }

  bool is_behind_cell() {
    const int byte = input_.peek();
    return byte == Input::kEnd || byte == ',' || byte == '\n' || byte == '\r';
  }

  Input& input_;
  std::uint64_t line_ = 1;
};

enum class Column : std::uint8_t { kMetric, kDevice, kTs, kIgnored };

class CsvSource final : public RowSource {
 public:
  CsvSource(Input& input, std::string device) : records_(input), device_(std::move(device)) {}

  Result<void> read_head() {
    const auto count = records_.next(cells_);
    if (!count) return std::unexpected(count.error());
    if (!*count) return records_.bad("it is empty: the first record names the columns");
    if (cells_[0].text.starts_with("\xEF\xBB\xBF")) cells_[0].text.erase(0, 3);
    for (std::size_t i = 0; i < **count; ++i) {
      if (auto added = add_column(cells_[i].text); !added) return added;
    }
    if (std::ranges::find(columns_, Column::kTs) == columns_.end()) {
      return records_.bad("there is no column ts");
    }
    const bool has_device = std::ranges::find(columns_, Column::kDevice) != columns_.end();
    if (!has_device && device_.empty()) {
      return records_.bad("there is no column device; name the device with --device");
    }
    if (std::ranges::find(columns_, Column::kMetric) == columns_.end()) {
      return records_.bad("there is no column that is a metric");
    }
    return {};
  }

  Result<bool> next(Row& row) override {
    while (true) {
      const auto count = records_.next(cells_);
      if (!count) return std::unexpected(count.error());
      if (!*count) return false;
      if (**count != columns_.size()) {
        return records_.bad(
            fmt::format("has {} cells, not {} as the first line", **count, columns_.size()));
      }
      if (auto taken = take(row); !taken) return std::unexpected(taken.error());
      // A row without a value says nothing.
      if (row.metrics != "{}") return true;
    }
  }

 private:
  Result<void> add_column(const std::string& name) {
    Column column = Column::kMetric;
    if (name == "device") column = Column::kDevice;
    if (name == "ts") column = Column::kTs;
    if (name == "offset" || name == "at" || name == "seq") column = Column::kIgnored;
    if (column == Column::kMetric && !protocol::is_metric_name(name)) {
      return records_.bad(
          fmt::format("column \"{}\": must be ts, device or a metric's name", name));
    }
    if (std::ranges::find(names_, name) != names_.end()) {
      return records_.bad(fmt::format("column {}: is there twice", name));
    }
    columns_.push_back(column);
    names_.push_back(name);
    return {};
  }

  Result<void> take(Row& row) {
    row.line = records_.line();
    row.device = device_;
    row.entry.clear();
    row.metrics.clear();
    protocol::JsonWriter json(row.metrics);
    json.begin_object();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const Cell& cell = cells_[i];
      switch (columns_[i]) {
        case Column::kDevice:
          if (!protocol::is_device_id(cell.text))
            return records_.bad("device: must be a device's id");
          row.device = cell.text;
          break;
        case Column::kTs: {
          const auto ts = parse_time(cell.text);
          if (!ts) return records_.bad("ts: must be ms since the epoch, or ISO 8601");
          row.ts = *ts;
          break;
        }
        case Column::kMetric:
          if (cell.is_quoted) {
            json.member(names_[i], std::string_view(cell.text));
          } else if (!cell.text.empty()) {
            json.raw_member(names_[i], sim::cell_json(cell.text));
          }
          break;
        case Column::kIgnored:
          break;
      }
    }
    json.end_object();
    return {};
  }

  Records records_;
  const std::string device_;
  std::vector<Column> columns_;
  std::vector<std::string> names_;
  std::vector<Cell> cells_;
};

}  // namespace

Result<std::unique_ptr<RowSource>> csv_source(Input& input, std::string device) {
  auto source = std::make_unique<CsvSource>(input, std::move(device));
  if (auto read = source->read_head(); !read) return std::unexpected(std::move(read.error()));
  return source;
}

}  // namespace fairlead::app::transfer
