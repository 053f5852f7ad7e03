#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "app/sim/csv.h"
#include "app/sim/csv_time.h"
#include "app/sim/recording.h"

using namespace fairlead;
using namespace fairlead::app::sim;

namespace {

constexpr std::int64_t kNewYear2010 = 1'262'304'000'000;
constexpr std::int64_t kOneOClock = kNewYear2010 + 3'600'000;

}  // namespace

TEST_CASE("the same moment is understood in all spellings of ISO 8601") {
  for (const char* spelling :
       {"2010-01-01T01:00:00", "2010-01-01 01:00:00", "2010-01-01t01:00:00z",
        "2010-01-01T01:00:00Z", "2010-01-01T01:00", "2010-01-01T01", "2010/01/01 01:00",
        "20100101T010000Z", "2010-01-01T02:00:00+01:00", "2010-01-01T02:00:00+0100",
        "2010-01-01T02:00:00+01", "2009-12-31T20:30:00-04:30", "2010-01-01 01:00:00 +00:00",
        "2010-01-01T01:00:00.000", "2010-01-01T01:00:00,0"}) {
    CAPTURE(spelling);
    CHECK(parse_csv_time(spelling) == kOneOClock);
  }
}

TEST_CASE("a date alone is its midnight, and 24:00 the next one") {
  CHECK(parse_csv_time("2010-01-01") == kNewYear2010);
  CHECK(parse_csv_time("20100101") == kNewYear2010);
  CHECK(parse_csv_time("2009-12-31T24:00") == kNewYear2010);
}

TEST_CASE("fractions of a second are cut to milliseconds") {
  CHECK(parse_csv_time("2010-01-01T01:00:00.25") == kOneOClock + 250);
  CHECK(parse_csv_time("2010-01-01T01:00:00.1239999") == kOneOClock + 123);
}

TEST_CASE("numbers are times since the epoch in the unit that their size tells") {
  CHECK(parse_csv_time("1262307600") == kOneOClock);
  CHECK(parse_csv_time("1262307600.5") == kOneOClock + 500);
  CHECK(parse_csv_time("1262307600000") == kOneOClock);
  CHECK(parse_csv_time("1262307600000000") == kOneOClock);
  CHECK(parse_csv_time("1262307600000000000") == kOneOClock);
  CHECK(parse_csv_time("0") == 0);
}

TEST_CASE("what is no time is not taken for one") {
  for (const char* text :
       {"", "yesterday", "2010-13-01", "2010-02-30", "2010-01-01T25:00", "2010-01-01T01:60",
        "2010-01-01T01:00:00X", "2010-01-01T01:00:00.", "2010-01/01", "nan", "inf", "12:00",
        "2010-01-01T01:00:00Z!", "2010-01-01T01:00:61", "2010-01-01T24:01"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_csv_time(text).has_value());
  }
}

TEST_CASE("quoted fields hold commas, quotes and line ends") {
  const auto records = parse_csv(
      "\xEF\xBB\xBF"
      "a,b\r\n\"1,5\",\"say \"\"hi\"\"\nthere\"\r\n\r\nlast,");
  REQUIRE(records.has_value());
  REQUIRE(records->size() == 3);
  CHECK((*records)[0] == std::vector<std::string>{"a", "b"});
  CHECK((*records)[1] == std::vector<std::string>{"1,5", "say \"hi\"\nthere"});
  CHECK((*records)[2] == std::vector<std::string>{"last", ""});
}

TEST_CASE("a broken quote is an error that names its line") {
  CHECK(parse_csv("a\n\"b").error().message == "line 2: a quote that is not closed");
  CHECK(parse_csv("a\n\n\"b\"c").error().message == "line 3: text behind a closing quote");
}

TEST_CASE("a header becomes a metric name by fixed rules, unique among its columns") {
  std::vector<std::string> taken;
  CHECK(metric_name_for("temperature", 2, taken) == "temperature");
  CHECK(metric_name_for(" wind speed (m/s) ", 3, taken) == "wind_speed__m/s_");
  CHECK(metric_name_for("temperature", 4, taken) == "temperature_2");
  CHECK(metric_name_for("temperature", 5, taken) == "temperature_3");
  CHECK(metric_name_for("", 6, taken) == "column_6");
  const std::string longest(64, 'x');
  CHECK(metric_name_for(longest + "yz", 7, taken) == longest);
  CHECK(metric_name_for(longest, 8, taken) == std::string(62, 'x') + "_2");
}

TEST_CASE("a cell is a number, a boolean or a string") {
  CHECK(cell_json("4.0") == "4.0");
  CHECK(cell_json("-0.5e3") == "-0.5e3");
  CHECK(cell_json("+4") == "4");
  CHECK(cell_json(".5") == "0.5");
  CHECK(cell_json("007") == "\"007\"");
  CHECK(cell_json("TRUE") == "true");
  CHECK(cell_json("False") == "false");
  CHECK(cell_json("nan") == "\"nan\"");
  CHECK(cell_json("1e999") == "\"1e999\"");
  CHECK(cell_json("1 \"x\"") == R"("1 \"x\"")");
}

TEST_CASE("rows become readings, empty cells are left out, rows without any are counted") {
  const auto recording = parse_recording(
      "time,temperature,door open,note,mixed\n"
      "2010-01-01T01:00:00,4.0,true,ok,1\n"
      "1262307600,,false,,x\n"
      "2010-01-01 02:00,,,,\n");
  REQUIRE(recording.has_value());
  REQUIRE(recording->readings.size() == 2);
  CHECK(recording->readings[0].ts == kOneOClock);
  CHECK(recording->readings[0].metrics ==
        R"({"temperature":4.0,"door_open":true,"note":"ok","mixed":1})");
  CHECK(recording->readings[1].metrics == R"({"door_open":false,"mixed":"x"})");
  CHECK(recording->empty_rows == 1);
  CHECK(recording->metrics_json ==
        R"({"temperature":{"type":"number"},"door_open":{"type":"boolean"},)"
        R"("note":{"type":"string"}})");
}

TEST_CASE("what cannot be replayed is refused with its row") {
  CHECK(parse_recording("time,a\nsoon,1\n").error().message == "row 1: 'soon' is no time");
  CHECK(parse_recording("time,a\n2010-01-01,1,2\n").error().message ==
        "row 1: 3 cells, the header has 2");
  CHECK(parse_recording("time,a\n1969-12-31,1\n").error().message ==
        "row 1: 1969-12-31 is before 1970 or in the future");
  CHECK_FALSE(parse_recording("time,a\n9999-01-01,1\n").has_value());
  CHECK_FALSE(parse_recording("time\n2010-01-01\n").has_value());
  CHECK_FALSE(parse_recording("").has_value());
  CHECK_FALSE(parse_recording("time,a\n2010-01-01,\xFF\n").has_value());
  CHECK_FALSE(parse_recording("time,a\n2010-01-01," + std::string(1025, 'x') + "\n").has_value());
}

TEST_CASE("a replay keeps the recorded distances at its speed, and none at speed 0") {
  auto recording = std::make_shared<Recording>();
  recording->readings = {{.ts = 1000, .metrics = "{}"}, {.ts = 61'000, .metrics = "{}"}};
  const Moment start{.steady_us = 500, .wall_ms = 0};
  ReplaySource source(recording, 60, start);
  CHECK(source.due_us() == 500);
  CHECK(source.take(start).has_value());
  CHECK(source.due_us() == 500 + 1'000'000);
  CHECK_FALSE(source.take(start).has_value());
  CHECK(source.take({.steady_us = 1'000'500}).has_value());
  CHECK(source.due_us() == kNever);

  ReplaySource at_once(recording, 0, start);
  CHECK(at_once.take(start)->ts == 1000);
  CHECK(at_once.take(start)->ts == 61'000);
  CHECK_FALSE(at_once.take(start).has_value());
}
