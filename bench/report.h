#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bench/rows.h"
#include "bench/series.h"
#include "protocol/json_writer.h"

namespace fairlead::bench {

/// A row after all its runs.
struct Row {
  RowPlan plan;
  Series hub;
  /// By name; what the hub is held against is their sum.
  std::map<std::string, Series> floors;
  /// Hub to floor, run by run, so that a machine that slows down slows both.
  Series ratios;
  /// Why it was not measured, or not to the end; empty when it was.
  std::string problem;

  double floor() const;
  /// What the goal judges: a ratio, the figure itself, or its distance from the floor.
  double verdict_value() const;
  bool is_reached() const;
};

std::string table_of(const std::vector<Row>& rows);
std::string json_of(const std::vector<Row>& rows, const Choices& choices, double load_before);
/// A warning when the machine was already at work (its load average of a minute); else empty.
std::string busy_warning(double load_before);
/// The median and every run of it, as a member of the object that `json` is in.
void write_series(protocol::JsonWriter& json, std::string_view name, const Series& series);
/// Machine, kernel, time and version, in a line.
std::string surroundings();

}  // namespace fairlead::bench
