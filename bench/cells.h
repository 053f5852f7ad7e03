#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/lab.h"
#include "bench/series.h"

namespace fairlead::bench {

/// One figure of a table in which like is compared with like.
struct Cell {
  /// Cells of one group are measured the same way, and told against the first of them.
  std::string group;
  std::string name;
  std::function<Result<double>(Lab&)> measure;
  Series series{};
  /// Why it was not measured, or not to the end; empty when it was.
  std::string problem{};
};

/// The engine, the hub and servers on other libraries under the same load.
std::vector<Cell> compare_cells();
/// Shards, connections and sizes of messages.
std::vector<Cell> sweep_cells(bool is_quick);

/// Every cell once, then all of them again, and so on.
void measure(std::vector<Cell>& cells, Lab& lab);
std::string table_of(const std::vector<Cell>& cells);
std::string json_of(const std::vector<Cell>& cells, const Choices& choices, double load_before);

}  // namespace fairlead::bench
