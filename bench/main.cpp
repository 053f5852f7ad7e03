// fairlead-bench: measures the hub against the floors. docs/performance.md says how to read it.
#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "bench/cells.h"
#include "bench/history.h"
#include "bench/lab.h"
#include "bench/profile.h"
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

enum class Mode : std::uint8_t { kRows, kCompare, kSweep, kHistory };

/// Writes the JSON and prints the table; `text` is the table.
void tell(const Choices& choices, double load_before, const std::string& text,
          const std::string& json) {
  fmt::print("{}\n{}\n{}", surroundings(), busy_warning(load_before), text);
  const bool is_written = static_cast<bool>(std::ofstream(choices.json_file) << json);
  fmt::print("\n{}: {}\n", is_written ? "figures" : "cannot write the figures to",
             choices.json_file);
}

int run_rows(Lab& lab, double load_before) {
  const std::vector<Row> rows = measure(lab);
  tell(lab.choices(), load_before, table_of(rows), json_of(rows, lab.choices(), load_before));
  if (!lab.profile().empty()) fmt::print("\n{}", lab.profile());
  const bool is_broken =
      std::ranges::any_of(rows, [](const Row& row) { return !row.problem.empty(); });
  return is_broken ? 1 : 0;
}

int run_cells(Lab& lab, std::vector<Cell> cells, double load_before) {
  measure(cells, lab);
  tell(lab.choices(), load_before, table_of(cells), json_of(cells, lab.choices(), load_before));
  return std::ranges::any_of(cells, [](const Cell& cell) { return !cell.problem.empty(); }) ? 1 : 0;
}

int run_history(Lab& lab, double load_before) {
  fmt::print("{}\n{}\n", surroundings(), busy_warning(load_before));
  const auto done = report_history(lab, lab.choices().history_rows);
  if (!done) fmt::print(stderr, "fairlead-bench: {}\n", done.error().message);
  return done ? 0 : 1;
}

int run(const Choices& choices, Mode mode) {
  raise_descriptor_limit();
  double load_before = 0;
  getloadavg(&load_before, 1);
  if (const auto possible = Profile::check(); choices.wants_profile && !possible) {
    fmt::print(stderr, "fairlead-bench: {}\n", possible.error().message);
    return 1;
  }
  const auto lab = Lab::open(choices);
  if (!lab) {
    fmt::print(stderr, "fairlead-bench: {}\n", lab.error().message);
    return 1;
  }
  switch (mode) {
    case Mode::kRows:
      return run_rows(**lab, load_before);
    case Mode::kCompare:
      return run_cells(**lab, compare_cells(), load_before);
    case Mode::kHistory:
      return run_history(**lab, load_before);
    case Mode::kSweep:
      break;
  }
  return run_cells(**lab, sweep_cells(choices.is_quick), load_before);
}

/// What was not chosen depends on what is measured: a sweep has many cells and 15 minutes.
void complete(Choices& choices, bool has_runs, bool has_seconds, Mode mode) {
  if (!has_runs && mode == Mode::kSweep) choices.runs = 3;
  if (!has_seconds && mode == Mode::kSweep) choices.seconds = 1.5;
  if (!has_runs && choices.wants_profile) choices.runs = 1;
  if (!has_seconds && choices.wants_profile) choices.seconds = 10;
  if (!choices.is_quick) return;
  choices.runs = std::min(choices.runs, 1);
  choices.seconds = std::min(choices.seconds, mode == Mode::kSweep ? 0.5 : 1.0);
}

}  // namespace
}  // namespace fairlead::bench

int main(int argc, char** argv) {
  using fairlead::bench::Choices;
  using fairlead::bench::Mode;
  Choices choices{.hub_binary = FAIRLEAD_BUILD_DIR "/fairlead",
                  .floor_directory = FAIRLEAD_BUILD_DIR,
                  .compare_directory = FAIRLEAD_SOURCE_DIR "/bench/compare",
                  .data_directory = FAIRLEAD_BUILD_DIR "/bench-data",
                  .rows = {},
                  .json_file = FAIRLEAD_BUILD_DIR "/bench.json"};
  std::string keys;
  for (const auto& row : fairlead::bench::all_rows()) keys += (keys.empty() ? "" : ", ") + row.key;

  CLI::App app("Measures the hub against bare programs that do the least of the same.");
  app.footer("Rows: " + keys +
             ".\nThe exit code is 1 when a row could not be measured, not when a "
             "figure is not reached.");
  app.add_option("rows", choices.rows, "Rows to measure; all when none is named");
  auto* runs = app.add_option("--runs", choices.runs, "Measures each so often, in turns")
                   ->check(CLI::Range(1, 100))
                   ->capture_default_str();
  auto* seconds = app.add_option("--seconds", choices.seconds, "Length of each measured window")
                      ->check(CLI::Range(0.2, 600.0))
                      ->capture_default_str();
  app.add_flag("--quick", choices.is_quick, "One short run of each: does it work at all?");
  app.add_option("--json", choices.json_file, "Writes every run's figures to this file")
      ->capture_default_str();
  std::string profiled;
  bool compares = false;
  bool sweeps = false;
  auto* profile = app.add_option("--profile", profiled,
                                 "Measures this row and shows where the hub spends its time (perf)")
                      ->excludes("rows");
  auto* compare =
      app.add_flag("--compare", compares, "Echo and fan-out, beside servers on other libraries");
  auto* sweep = app.add_flag("--sweep", sweeps, "Echo and ingest by shards, connections, sizes");
  auto* history = app.add_option("--history", choices.history_rows,
                                 "Start, reads and export on a history of so many samples")
                      ->check(CLI::Range(100'000, 1'000'000'000));
  history->excludes("rows")->excludes(profile)->excludes(sweep)->excludes(compare);
  compare->excludes("rows")->excludes(profile)->excludes(sweep);
  sweep->excludes("rows")->excludes(profile);
  app.add_option("--data", choices.data_directory, "Where servers keep data; on a real disk")
      ->capture_default_str();
  app.add_option("--hub", choices.hub_binary, "The hub to measure")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (!profiled.empty()) {
    choices.rows = {profiled};
    choices.wants_profile = true;
  }
  Mode mode = Mode::kRows;
  if (compares) mode = Mode::kCompare;
  if (sweeps) mode = Mode::kSweep;
  if (!history->empty()) mode = Mode::kHistory;
  fairlead::bench::complete(choices, !runs->empty(), !seconds->empty(), mode);
  return fairlead::bench::run(choices, mode);
}
