#include "bench/report.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/utsname.h>

#include <chrono>
#include <ctime>
#include <fstream>
#include <thread>

#include "embedded/version.h"

namespace fairlead::bench {
namespace {

/// Of two cores, what may have been at work without harm.
constexpr double kBusyLoad = 0.5;

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown CPU";
}

std::string number(double value) {
  if (value >= 1000) return fmt::format("{:.0f}", value);
  return value >= 100 ? fmt::format("{:.1f}", value) : fmt::format("{:.2f}", value);
}

std::string goal_of(const RowPlan& plan) {
  switch (plan.goal) {
    case Goal::kRatioAtMost:
      return fmt::format("<= {} x", plan.limit);
    case Goal::kRatioAtLeast:
      return fmt::format(">= {} x", plan.limit);
    case Goal::kAtMost:
      return fmt::format("<= {}", plan.limit);
    case Goal::kAboveFloorAtMost:
      break;
  }
  return fmt::format("<= floor + {}", plan.limit);
}

std::string verdict_of(const Row& row) {
  switch (row.plan.goal) {
    case Goal::kRatioAtMost:
    case Goal::kRatioAtLeast:
      return fmt::format("{:.2f} x", row.verdict_value());
    case Goal::kAtMost:
      return number(row.verdict_value());
    case Goal::kAboveFloorAtMost:
      break;
  }
  return fmt::format("floor {:+.2f}", row.verdict_value());
}

std::string line_of(const Row& row) {
  std::string line = fmt::format("{:<50}  ", row.plan.title);
  if (row.hub.is_empty()) return line + "not measured: " + row.problem + '\n';
  const std::string spread = fmt::format("{} ({}-{})", number(row.hub.median()),
                                         number(row.hub.least()), number(row.hub.most()));
  line += fmt::format("{:<26}  {:<10}  {:<12}  {:<12}  {}\n", spread,
                      row.floors.empty() ? "-" : number(row.floor()), verdict_of(row),
                      goal_of(row.plan), row.is_reached() ? "reached" : "not reached");
  std::string parts = "    " + row.plan.unit;
  for (const auto& [name, series] : row.floors) {
    parts += fmt::format("; {} {} ({}-{})", name, number(series.median()), number(series.least()),
                         number(series.most()));
  }
  if (!row.problem.empty()) parts += "; broken off: " + row.problem;
  return line + parts + '\n';
}

}  // namespace

double Row::floor() const {
  double sum = 0;
  for (const auto& [name, series] : floors) sum += series.median();
  return sum;
}

double Row::verdict_value() const {
  switch (plan.goal) {
    case Goal::kRatioAtMost:
    case Goal::kRatioAtLeast:
      return ratios.median();
    case Goal::kAtMost:
      return hub.median();
    case Goal::kAboveFloorAtMost:
      break;
  }
  return hub.median() - floor();
}

bool Row::is_reached() const {
  if (hub.is_empty()) return false;
  return plan.goal == Goal::kRatioAtLeast ? verdict_value() >= plan.limit
                                          : verdict_value() <= plan.limit;
}

std::string surroundings() {
  utsname system{};
  uname(&system);
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return fmt::format("fairlead {} ({}), {} x {}, Linux {}, {:%Y-%m-%d %H:%M} UTC",
                     embedded::kVersion, embedded::kCommit, std::thread::hardware_concurrency(),
                     cpu_model(), static_cast<const char*>(system.release), fmt::gmtime(now));
}

std::string table_of(const std::vector<Row>& rows) {
  std::string table = fmt::format("{:<50}  {:<26}  {:<10}  {:<12}  {:<12}  {}\n", "what",
                                  "hub: median (least-most)", "floor", "measured", "to reach", "");
  for (const Row& row : rows) table += line_of(row);
  return table;
}

std::string busy_warning(double load_before) {
  if (load_before < kBusyLoad) return {};
  return fmt::format(
      "The machine was at work before this began (load {:.2f}): do not trust these figures.\n",
      load_before);
}

void write_series(protocol::JsonWriter& json, std::string_view name, const Series& series) {
  json.key(name).begin_object().member("median", series.median());
  json.key("runs").begin_array();
  for (const double value : series.values) json.value(value);
  json.end_array().end_object();
}

std::string json_of(const std::vector<Row>& rows, const Choices& choices, double load_before) {
  std::string out;
  protocol::JsonWriter json(out);
  json.begin_object().member("surroundings", surroundings());
  json.member("load_before", load_before);
  json.member("runs", choices.runs).member("seconds", choices.seconds).key("rows").begin_array();
  for (const Row& row : rows) {
    json.begin_object().member("key", row.plan.key).member("title", row.plan.title);
    json.member("unit", row.plan.unit).member("to_reach", goal_of(row.plan));
    json.member("limit", row.plan.limit);
    if (!row.problem.empty()) json.member("not_measured", row.problem);
    if (!row.hub.is_empty()) {
      json.member("measured", row.verdict_value()).member("reached", row.is_reached());
      write_series(json, "hub", row.hub);
      json.key("floors").begin_object();
      for (const auto& [name, series] : row.floors) write_series(json, name, series);
      json.end_object();
      if (!row.ratios.is_empty()) write_series(json, "ratios", row.ratios);
    }
    json.end_object();
  }
  json.end_array().end_object();
  return out + '\n';
}

}  // namespace fairlead::bench
