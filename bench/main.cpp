// fairlead-bench: measures the hub against the floors. docs/performance.md says how to read it.
#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "bench/lab.h"
#include "bench/report.h"
#include "bench/rows.h"

namespace fairlead::bench {
namespace {

/// Both sides of every connection are ours, the servers' by inheritance.
void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void measure_once(Row& row, Lab& lab) {
  const auto measured = row.plan.measure(lab);
  if (!measured) {
    row.problem = measured.error().message;
    return;
  }
  row.hub.add(measured->hub);
  double floor = 0;
  for (const auto& [name, value] : measured->floors) {
    row.floors[name].add(value);
    floor += value;
  }
  if (floor > 0) row.ratios.add(measured->hub / floor);
}

/// All rows once, then all of them again: what drifts on the machine meets every row alike.
std::vector<Row> measure(Lab& lab) {
  const Choices& choices = lab.choices();
  std::vector<Row> rows;
  for (RowPlan& plan : all_rows()) {
    const bool is_wanted =
        choices.rows.empty() || std::ranges::find(choices.rows, plan.key) != choices.rows.end();
    if (!is_wanted) continue;
    Row row{.plan = std::move(plan), .hub = {}, .floors = {}, .ratios = {}, .problem = {}};
    row.problem = row.plan.not_measured;
    rows.push_back(std::move(row));
  }
  for (int run = 1; run <= choices.runs; ++run) {
    for (Row& row : rows) {
      if (!row.problem.empty()) continue;
      std::fprintf(stderr, "run %d of %d: %s\n", run, choices.runs, row.plan.title.c_str());
      measure_once(row, lab);
    }
  }
  return rows;
}

int run(Choices choices) {
  if (choices.is_quick) {
    choices.runs = std::min(choices.runs, 1);
    choices.seconds = std::min(choices.seconds, 1.0);
  }
  raise_descriptor_limit();
  double load_before = 0;
  getloadavg(&load_before, 1);
  const auto lab = Lab::open(choices);
  if (!lab) {
    fmt::print(stderr, "fairlead-bench: {}\n", lab.error().message);
    return 1;
  }
  const std::vector<Row> rows = measure(**lab);
  fmt::print("{}\n{}\n{}", surroundings(), busy_warning(load_before), table_of(rows));
  if (!choices.json_file.empty())
    std::ofstream(choices.json_file) << json_of(rows, choices, load_before);
  const bool is_broken = std::ranges::any_of(
      rows, [](const Row& row) { return row.plan.measure != nullptr && !row.problem.empty(); });
  return is_broken ? 1 : 0;
}

}  // namespace
}  // namespace fairlead::bench

int main(int argc, char** argv) {
  using fairlead::bench::Choices;
  Choices choices{.hub_binary = FAIRLEAD_BUILD_DIR "/fairlead",
                  .floor_directory = FAIRLEAD_BUILD_DIR,
                  .data_directory = FAIRLEAD_BUILD_DIR "/bench-data",
                  .rows = {},
                  .json_file = {}};
  std::string keys;
  for (const auto& row : fairlead::bench::all_rows()) keys += (keys.empty() ? "" : ", ") + row.key;

  CLI::App app("Measures the hub against bare programs that do the least of the same.");
  app.footer("Rows: " + keys +
             ".\nThe exit code is 1 when a row could not be measured, not when a "
             "figure is not reached.");
  app.add_option("rows", choices.rows, "Rows to measure; all when none is named");
  app.add_option("--runs", choices.runs, "Measures each so often, in turns")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_option("--seconds", choices.seconds, "Length of each measured window")
      ->check(CLI::Range(0.2, 600.0))
      ->capture_default_str();
  app.add_flag("--quick", choices.is_quick, "One short run of each: does it work at all?");
  app.add_option("--json", choices.json_file, "Writes every run's figures to this file");
  app.add_option("--data", choices.data_directory, "Where servers keep data; on a real disk")
      ->capture_default_str();
  app.add_option("--hub", choices.hub_binary, "The hub to measure")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return fairlead::bench::run(std::move(choices));
}
