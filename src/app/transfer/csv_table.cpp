#include "app/transfer/csv_table.h"

#include <algorithm>
#include <utility>

namespace fairlead::app::transfer {
namespace {

void write_cell(std::string& cell, const protocol::Node& node) {
  if (node.kind != protocol::NodeKind::kString) {
    cell.assign(node.text);
    return;
  }
  cell.assign(1, '"');
  for (const char c : node.text) {
    if (c == '"') cell.push_back('"');
    cell.push_back(c);
  }
  cell.push_back('"');
}

}  // namespace

CsvTable::CsvTable(std::vector<std::string> metrics)
    : metrics_(std::move(metrics)), cells_(metrics_.size()) {}

std::string CsvTable::head() const {
  std::string line = "device,offset,ts,at";
  for (const std::string& metric : metrics_) line.append(",").append(metric);
  return line.append("\r\n");
}

Result<std::string> CsvTable::row(std::string_view device, std::string_view json) {
  if (auto read = reader_.read_copy(json); !read) return std::unexpected(std::move(read.error()));
  const protocol::Document& document = reader_.document();
  const protocol::Node& root = document.root();
  for (std::string& cell : cells_) cell.clear();
  std::string line(device);
  for (const std::string_view name : {"offset", "ts", "at"}) {
    const protocol::Node* const number = document.find(root, name);
    line.append(",").append(number == nullptr ? "" : number->text);
  }
  const protocol::Node* const metrics = document.find(root, "metrics");
  if (metrics == nullptr) return fail(Code::kInternal, "the hub sent a row without metrics");
  for (const protocol::Node& metric : document.children(*metrics)) {
    const auto column = std::ranges::lower_bound(
        metrics_, metric.key, {}, [](const auto& name) { return std::string_view(name); });
    if (column == metrics_.end() || *column != metric.key) {
      return fail(Code::kInvalid,
                  "device {} has the metric {}, which came up only now: name the columns with "
                  "--metrics, or use --format ndjson",
                  device, metric.key);
    }
    write_cell(cells_[static_cast<std::size_t>(column - metrics_.begin())], metric);
  }
  for (const std::string& cell : cells_) line.append(",").append(cell);
  return line.append("\r\n");
}

}  // namespace fairlead::app::transfer
