#include "bench/cells.h"

#include <fmt/format.h>

#include <cstdio>

#include "bench/report.h"
#include "protocol/json_writer.h"

namespace fairlead::bench {
namespace {

/// The cell that others of its group are told against; null when that one has no figure.
const Cell* first_of(const std::vector<Cell>& cells, const std::string& group) {
  for (const Cell& cell : cells) {
    if (cell.group == group) return cell.series.is_empty() ? nullptr : &cell;
  }
  return nullptr;
}

/// Run by run, so that a machine that slows down slows both.
Series ratios(const Cell& cell, const Cell* first) {
  Series all;
  if (first == nullptr) return all;
  for (std::size_t i = 0; i < std::min(cell.series.values.size(), first->series.values.size());
       ++i) {
    all.add(cell.series.values[i] / first->series.values[i]);
  }
  return all;
}

}  // namespace

void measure(std::vector<Cell>& cells, Lab& lab) {
  for (int run = 1; run <= lab.choices().runs; ++run) {
    for (Cell& cell : cells) {
      if (!cell.problem.empty()) continue;
      std::fprintf(stderr, "run %d of %d: %s: %s\n", run, lab.choices().runs, cell.group.c_str(),
                   cell.name.c_str());
      const auto measured = cell.measure(lab);
      if (measured) {
        cell.series.add(*measured);
      } else {
        cell.problem = measured.error().message;
      }
    }
  }
}

std::string table_of(const std::vector<Cell>& cells) {
  std::string table;
  std::string group;
  for (const Cell& cell : cells) {
    if (cell.group != group) {
      group = cell.group;
      table += group + '\n';
    }
    table += fmt::format("    {:<44}  ", cell.name);
    if (cell.series.is_empty()) {
      table += "not measured: " + cell.problem + '\n';
      continue;
    }
    const Series to_first = ratios(cell, first_of(cells, group));
    table += fmt::format("{:>8.2f} us ({:.2f}-{:.2f})  {}{}\n", cell.series.median(),
                         cell.series.least(), cell.series.most(),
                         to_first.is_empty() ? "" : fmt::format("{:.2f} x", to_first.median()),
                         cell.problem.empty() ? "" : "  broken off: " + cell.problem);
  }
  return table;
}

std::string json_of(const std::vector<Cell>& cells, const Choices& choices, double load_before) {
  std::string out;
  protocol::JsonWriter json(out);
  json.begin_object().member("surroundings", surroundings()).member("load_before", load_before);
  json.member("runs", choices.runs).member("seconds", choices.seconds).key("cells").begin_array();
  for (const Cell& cell : cells) {
    json.begin_object().member("group", cell.group).member("name", cell.name);
    if (!cell.problem.empty()) json.member("not_measured", cell.problem);
    if (!cell.series.is_empty()) write_series(json, "cpu_us", cell.series);
    const Series to_first = ratios(cell, first_of(cells, cell.group));
    if (!to_first.is_empty()) write_series(json, "to_first_of_group", to_first);
    json.end_object();
  }
  json.end_array().end_object();
  return out + '\n';
}

}  // namespace fairlead::bench
