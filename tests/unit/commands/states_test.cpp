#include "commands/states.h"

#include <doctest/doctest.h>

#include <array>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "commands/progress.h"

namespace fairlead::commands {
namespace {

using Row = std::vector<std::string>;

std::string word(const std::string& cell) {
  std::string text;
  for (const char c : cell) {
    if (c != ' ' && c != '`') text += c;
  }
  return text;
}

Row cells_of(const std::string& line) {
  Row row;
  std::istringstream cells(line.substr(1));
  for (std::string cell; std::getline(cells, cell, '|');) row.push_back(word(cell));
  return row;
}

/// The table of docs/protocol.md whose columns are what happens, without its head.
std::vector<Row> documented() {
  std::ifstream page(std::string(FAIRLEAD_SOURCE_DIR) + "/docs/protocol.md");
  std::vector<Row> rows;
  bool is_inside = false;
  for (std::string line; std::getline(page, line);) {
    const bool is_row = line.starts_with("|");
    if (!is_inside) {
      is_inside = is_row && cells_of(line) == Row{"",       "written",  "accept", "executed",
                                                  "failed", "deadline", "cancel"};
    } else if (!is_row) {
      break;
    } else if (!line.starts_with("|---")) {
      rows.push_back(cells_of(line));
    }
  }
  return rows;
}

constexpr std::array<Happening, kHappeningCount> kHappenings = {
    Happening::kWritten, Happening::kAccept,   Happening::kExecute,
    Happening::kFail,    Happening::kDeadline, Happening::kCancel};

}  // namespace

TEST_CASE("what follows what is as docs/protocol.md says") {
  const std::vector<Row> rows = documented();
  REQUIRE(rows.size() == kStateCount);
  for (std::size_t i = 0; i < kStateCount; ++i) {
    const auto state = static_cast<State>(i);
    REQUIRE(rows[i].size() == kHappeningCount + 1);
    CHECK(rows[i][0] == name_of(state));
    for (std::size_t j = 0; j < kHappeningCount; ++j) {
      const auto following = next(state, kHappenings[j]);
      CHECK(rows[i][j + 1] == (following ? name_of(*following) : "-"));
    }
  }
}

TEST_CASE("a final state never changes, and whatever happens leaves no trace") {
  for (std::size_t i = 0; i < kStateCount; ++i) {
    Progress progress;
    progress.state = static_cast<State>(i);
    if (!is_final(progress.state)) continue;
    for (const Happening happening : kHappenings) {
      CHECK_FALSE(progress.apply(happening, 1));
      CHECK(progress.state == static_cast<State>(i));
      CHECK(progress.history.empty());
    }
  }
}

TEST_CASE("the history has each state once, with its time") {
  Progress progress = Progress::begin(1);
  CHECK(progress.apply(Happening::kWritten, 2));
  CHECK(progress.apply(Happening::kWritten, 3));
  CHECK(progress.apply(Happening::kAccept, 4));
  CHECK(progress.apply(Happening::kWritten, 5));
  CHECK(progress.apply(Happening::kExecute, 6));
  CHECK(progress.history == std::vector<Transition>{{State::kPending, 1},
                                                    {State::kDelivered, 2},
                                                    {State::kAccepted, 4},
                                                    {State::kExecuted, 6}});
}

}  // namespace fairlead::commands
