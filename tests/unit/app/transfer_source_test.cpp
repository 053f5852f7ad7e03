// What an import reads: rows out of NDJSON and CSV.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "app/transfer/row_source.h"
#include "support/temp_dir.h"

namespace fairlead::app::transfer {
namespace {

/// All rows of a text, and the error that ended it, if one did.
struct Everything {
  std::vector<Row> rows;
  std::string problem;
};

Everything read_all(const std::string& text, bool is_csv, const std::string& device = {}) {
  const support::TempDir dir;
  auto input = Input::open(dir.write("file", text).string());
  REQUIRE(input);
  Everything all;
  std::unique_ptr<RowSource> source;
  if (is_csv) {
    auto opened = csv_source(*input, device);
    if (!opened) return {.rows = {}, .problem = opened.error().message};
    source = std::move(*opened);
  } else {
    source = ndjson_source(*input, device);
  }
  Row row;
  Result<bool> more = source->next(row);
  for (; more && *more; more = source->next(row)) all.rows.push_back(row);
  if (!more) all.problem = more.error().message;
  return all;
}

bool names(const std::string& problem, std::string_view part) {
  CAPTURE(problem);
  return problem.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("CSV is read as RFC 4180 has it, and tells texts from numbers by their quotes") {
  const auto all = read_all(
      "\xEF\xBB\xBF"
      "device,offset,ts,at,a,b\r\n"
      "x,1,1000,1001,1.50,\"say \"\"so\"\",\r\nor not\"\r\n"
      "\r\n"
      "y,2,2026-01-01T00:00:00Z,0,\"21\",TRUE\n"
      "z,3,3000,0,,\"\"\n"
      "z,4,4000,0,,\n"
      "z,5,5000,0,soso,1e3",
      true);
  CHECK(all.problem.empty());
  REQUIRE(all.rows.size() == 4);
  CHECK(all.rows[0].device == "x");
  CHECK(all.rows[0].ts == 1000);
  CHECK(all.rows[0].line == 2);
  CHECK(all.rows[0].metrics == R"({"a":1.50,"b":"say \"so\",\r\nor not"})");
  CHECK(all.rows[1].line == 5);
  CHECK(all.rows[1].ts == 1'767'225'600'000);
  CHECK(all.rows[1].metrics == R"({"a":"21","b":true})");
  CHECK(all.rows[2].metrics == R"({"b":""})");
  // A row without a value is none.
  CHECK(all.rows[3].ts == 5000);
  CHECK(all.rows[3].metrics == R"({"a":"soso","b":1e3})");
}

TEST_CASE("CSV that cannot be meant is refused by its line") {
  CHECK(names(read_all("", true).problem, "line 1: it is empty"));
  CHECK(names(read_all("ts,a,a\n", true, "x").problem, "line 1: column a: is there twice"));
  CHECK(names(read_all("ts,a b\n", true, "x").problem, "column \"a b\""));
  CHECK(names(read_all("ts,offset\n", true, "x").problem, "no column that is a metric"));
  CHECK(names(read_all("ts,a\n1,\"2\n", true, "x").problem, "line 2: a quote that is not closed"));
  CHECK(names(read_all("ts,a\n1,\"2\"3\n", true, "x").problem, "text behind a closing quote"));
  const auto late = read_all("ts,a\n1,2\n\n3,4,5\n", true, "x");
  CHECK(late.rows.size() == 1);
  CHECK(names(late.problem, "line 4: has 3 cells, not 2"));
}

TEST_CASE("NDJSON gives entries and samples, with numbers as they stand") {
  const auto all = read_all(
      "{\"device\":\"x\",\"entry\":{\"name\":\"X\"}}\n"
      "\n"
      "{\"ts\":5,\"seq\":9,\"metrics\":{\"a\":1.500,\"b\":-0e0},\"device\":\"x/1\"}\r\n"
      "{\"ts\":6,\"metrics\":{\"a\":true}}",
      false, "other");
  CHECK(all.problem.empty());
  REQUIRE(all.rows.size() == 3);
  CHECK(all.rows[0].entry == R"({"name":"X"})");
  CHECK(all.rows[1].device == "x/1");
  CHECK(all.rows[1].entry.empty());
  CHECK(all.rows[1].metrics == R"({"a":1.500,"b":-0e0})");
  CHECK(all.rows[1].line == 3);
  CHECK(all.rows[2].device == "other");
  CHECK(names(read_all("{}\n", false).problem, "line 1: device: must be"));
  CHECK(names(read_all("[]\n", false).problem, "line 1: is no object"));
  CHECK(names(read_all("\n{\"ts\":1.5,\"metrics\":{}}\n", false, "x").problem,
              "line 2: ts: must be an integer"));
}

TEST_CASE("a file keeps its fingerprint when it grows behind its beginning, and no longer") {
  const support::TempDir dir;
  const std::string begin(70'000, 'a');
  const auto of = [&dir](const std::string& text) {
    return Input::open(dir.write("file", text).string())->fingerprint();
  };
  CHECK(of(begin) == of(begin + "b"));
  CHECK(of(begin) != of("b" + begin));
  CHECK(of("") != of("a"));
}

}  // namespace fairlead::app::transfer
