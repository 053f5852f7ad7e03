// Small parts: numbers, ids, deadlines, the packed form, the shape on the wire.
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "base/random.h"
#include "commands/command.h"
#include "commands/deadlines.h"
#include "commands/decimal.h"
#include "commands/id.h"
#include "commands/json_value.h"
#include "commands/record.h"

namespace fairlead::commands {
namespace {

Decimal number(std::string_view text) { return Decimal::parse(text).value(); }

TEST_CASE("numbers are equal by value, however they are written") {
  for (const auto* one : {"1.0", "1e0", "10e-1", "0.1e1", "1.000"})
    CHECK(number(one) == number("1"));
  CHECK(number("-0") == number("0"));
  CHECK(number("0e5") == number("0"));
  CHECK(number("100000000000000000001") != number("100000000000000000002"));
}

TEST_CASE("numbers are ordered exactly") {
  const std::vector<std::string> rising = {"-1e300", "-20", "-3", "-0.5", "0",  "1e-300",
                                           "0.1",    "0.5", "3",  "12",   "20", "1e300"};
  for (std::size_t i = 0; i + 1 < rising.size(); ++i) {
    CAPTURE(rising[i]);
    CHECK(number(rising[i]) < number(rising[i + 1]));
    CHECK(number(rising[i + 1]) > number(rising[i]));
  }
}

TEST_CASE("what is no JSON number is none") {
  for (const auto* text : {"", "-", "01", "1.", ".5", "1e", "1e+", "1e+-1", "+1", "1 ", "1e1000001",
                           "NaN", "0x1", "--1"}) {
    CAPTURE(text);
    CHECK(!Decimal::parse(text));
  }
}

TEST_CASE("multiples are exact, and nothing is a multiple of 0") {
  CHECK(number("0.3").is_multiple_of(number("0.1")));
  CHECK(number("4.35").is_multiple_of(number("0.01")));
  CHECK(number("1e300").is_multiple_of(number("7e-5")) == false);
  CHECK(number("0").is_multiple_of(number("3")));
  CHECK(!number("0.35").is_multiple_of(number("0.1")));
  CHECK(!number("5").is_multiple_of(number("0")));
}

TEST_CASE("numbers are written as people write them") {
  CHECK(number("-0.050").to_string() == "-0.05");
  CHECK(number("12.5").to_string() == "12.5");
  CHECK(number("1e3").to_string() == "1000");
  CHECK(number("1e30").to_string() == "1e30");
  CHECK(number("0.0").to_string() == "0");
}

TEST_CASE("JSON is equal by value") {
  CHECK(is_same_json(R"({"a":[1,null],"b":"\u0041"})", R"({ "b":"A","a":[1.0,null] })"));
  CHECK(!is_same_json(R"({"a":1})", R"({"a":true})"));
  CHECK(!is_same_json("[]", "{}"));
  CHECK(!is_same_json("\"1\"", "1"));
  CHECK(is_same_json(std::nullopt, "null"));
}

TEST_CASE("an id leads to its home shard and sorts behind the one before") {
  SeededRandom random(7);
  std::string previous;
  for (std::uint32_t i = 0; i < 200; ++i) {
    const std::uint32_t hash = i * 5'243;
    const std::int64_t clock_that_stumbles = 1'764'000'000'000 - i % 50;
    const std::string id = new_command_id(clock_that_stumbles, random, hash, previous);
    CHECK(id.size() == 28);
    CHECK(id.starts_with("k-"));
    CHECK(home_hash_of(id) == (hash & 0xFFFFF));
    CHECK(id > previous);
    previous = id;
  }
}

TEST_CASE("what is no command's id has no home") {
  for (const auto* text : {"", "k-", "c-01JDC8ZQM0ABCDEFGH01234567", "k-01JDC8ZQM0ABCDEFGH0123456U",
                           "k-01JDC8ZQM0ABCDEFGH012345678", "k-01jdc8zqm0abcdefgh01234567"}) {
    CAPTURE(text);
    CHECK(!home_hash_of(text));
  }
}

TEST_CASE("deadlines come in order, also when they are moved and taken out") {
  SeededRandom random(3);
  std::deque<Timer> timers;
  for (int i = 0; i < 500; ++i) timers.emplace_back(Timer::Kind::kWait);
  std::vector<std::int64_t> due(timers.size(), -1);
  Deadlines deadlines;
  for (int step = 0; step < 5000; ++step) {
    const auto i = static_cast<std::size_t>(random.below(timers.size()));
    if (random.below(4) == 0) {
      deadlines.disarm(timers[i]);
      due[i] = -1;
    } else {
      due[i] = static_cast<std::int64_t>(random.below(1000));
      deadlines.arm(timers[i], due[i]);
    }
  }
  std::erase(due, -1);
  std::sort(due.begin(), due.end());
  CHECK(deadlines.size() == due.size());
  for (const std::int64_t at : due) {
    CHECK(deadlines.next() == at);
    CHECK(deadlines.take_due(at - 1) == nullptr);
    CHECK(deadlines.take_due(at) != nullptr);
  }
  CHECK(!deadlines.next());
}

Command full_command() {
  Command command;
  command.id = "k-1";
  command.device_key = 7;
  command.tenant = "t";
  command.device = "boiler-7";
  command.name = "set_target";
  command.params = "{}";
  command.is_queued = true;
  command.issued_by = "ops";
  command.issued_at = 10;
  command.expires_at = 20;
  command.idempotency_key = "";
  command.fleet = "f-1";
  return command;
}

TEST_CASE("packing keeps every member, and none apart from empty") {
  const Command full = full_command();
  CHECK(Record(full, "c-1").unpack() == full);
  CHECK(Record(full, "c-1").connection() == "c-1");
  Command bare;
  bare.id = "k-2";
  CHECK(Record(bare, "").unpack() == bare);
  CHECK(Record(bare, "").id() == "k-2");
}

TEST_CASE("a command is written in the protocol's shape") {
  Command command = full_command();
  command.state = State::kFailed;
  command.error = R"({"code":"x","message":"y"})";
  command.attempt = 2;
  command.history = {{State::kPending, 10}, {State::kFailed, 12}};
  std::string json;
  write_json(json, command);
  CHECK(json ==
        R"({"command":"k-1","device":"boiler-7","name":"set_target","params":{},"status":"failed",)"
        R"("result":null,"error":{"code":"x","message":"y"},"late_result":null,"delivery":"queue",)"
        R"("issued_by":"ops","issued_at":10,"expires_at":20,"attempt":2,"fleet":"f-1",)"
        R"("history":[{"status":"pending","at":10},{"status":"failed","at":12}]})");
}

}  // namespace
}  // namespace fairlead::commands
