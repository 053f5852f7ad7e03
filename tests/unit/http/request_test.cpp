#include "http/request.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "http/telemetry_format.h"

namespace fairlead::http {

TEST_CASE("percent escapes are decoded once, and bad ones refused") {
  CHECK(percent_decode("a%2Fb%2541+c") == "a/b%41+c");
  CHECK(percent_decode("") == "");
  for (const char* bad : {"%", "%4", "%zz", "a%2", "%-1"}) CHECK_FALSE(percent_decode(bad));
}

TEST_CASE("a query's numbers and booleans are checked and the error names the parameter") {
  const auto query = Query::parse("limit=5&from=10&connected=true&x&y=&from=11").value();
  CHECK(query.limit() == 5);
  CHECK(query.number("from", 0, 0, 100) == 10);
  CHECK(query.number("to", 7, 0, 100) == 7);
  CHECK(query.boolean("connected").value() == true);
  CHECK_FALSE(query.boolean("none").value().has_value());
  CHECK(query.find("y") == "");
  for (const char* bad : {"limit=0", "limit=1001", "limit=5x", "limit=", "limit=-1", "limit=5.0",
                          "limit=99999999999999999999"}) {
    CAPTURE(bad);
    const auto limit = Query::parse(bad).value().limit();
    REQUIRE_FALSE(limit.has_value());
    CHECK(limit.error().fields[0].path == "limit");
  }
  CHECK_FALSE(Query::parse("a=%zz").has_value());
  CHECK(Query::parse("connected=maybe").value().boolean("connected").error().code ==
        Code::kInvalid);
}

TEST_CASE("a cursor comes back as it was made, and nothing else is one") {
  const std::vector<std::string> fields = {"1764000000000", "boiler/7"};
  const std::string cursor = make_cursor(fields);
  CHECK(read_cursor(cursor, 2) == fields);
  CHECK_FALSE(read_cursor(cursor, 1).has_value());
  for (const char* bad : {"", "x y", "AAAA", "!!!!"}) CHECK_FALSE(read_cursor(bad, 2).has_value());
}

TEST_CASE("Accept chooses the form of history by quality and exactness") {
  CHECK(negotiate("") == Format::kJson);
  CHECK(negotiate("*/*") == Format::kJson);
  CHECK(negotiate("text/csv") == Format::kCsv);
  CHECK(negotiate("application/x-ndjson, application/json;q=0.5") == Format::kNdjson);
  CHECK(negotiate("application/json;q=0.1, text/*;q=0.9") == Format::kCsv);
  CHECK(negotiate("application/*;q=0.3, application/json;q=0, text/csv;q=0.2") == Format::kNdjson);
  CHECK(negotiate("Application/JSON;Q=0.1, TEXT/CSV") == Format::kCsv);
  CHECK_FALSE(negotiate("image/png").has_value());
  for (const char* none : {"text/csv;q=nan", "text/csv;q=-inf", "text/csv;q=-1"}) {
    CHECK_FALSE(negotiate(none).has_value());
  }
  CHECK_FALSE(negotiate("text/csv;q=0").has_value());
}

TEST_CASE("CSV has all metrics as columns by name and quotes what needs it (RFC 4180)") {
  const std::vector<telemetry::Sample> samples = {
      {.offset = 1, .ts = 10, .at = 11, .seq = 0, .metrics = R"({"b":1.50,"a":"x,\"y\"\nz"})"},
      {.offset = 2, .ts = 20, .at = 21, .seq = 0, .metrics = R"({"c":true})"}};
  std::set<std::string> columns;
  add_columns(samples, columns);
  CHECK(csv_head(columns) == "offset,ts,at,a,b,c\r\n");
  CHECK(csv_rows(samples, columns, {}) == "1,10,11,\"x,\"\"y\"\"\nz\",1.50,\r\n2,20,21,,,true\r\n");
  CHECK(csv_rows(samples, {"b"}, {"b"}) == "1,10,11,1.50\r\n");
  // Its column was not known when the head was written.
  CHECK(csv_rows(samples, {"a", "b"}, {}) == "1,10,11,\"x,\"\"y\"\"\nz\",1.50\r\n");
}

TEST_CASE("a row keeps the device's own bytes and leaves out what was not asked for") {
  const telemetry::Sample sample{
      .offset = 1, .ts = 10, .at = 11, .seq = 4, .metrics = R"({"b": 1.50,"a":2})"};
  CHECK(row_json(sample, {}) == R"({"offset":1,"ts":10,"at":11,"metrics":{"b": 1.50,"a":2}})");
  CHECK(row_json(sample, {"a"}) == R"({"offset":1,"ts":10,"at":11,"metrics":{"a":2}})");
  CHECK(row_json(sample, {"x"}).empty());
}

}  // namespace fairlead::http
