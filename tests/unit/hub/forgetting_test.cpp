// What a hub keeps for a while only.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "harness.h"

namespace fairlead::hub {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;

/// Ended connections in the log, one every minute from `from` on.
void fill_log(Harness& hub, std::int64_t from, int count) {
  std::vector<store::Write> rows;
  rows.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    rows.emplace_back(store::CloseLog{{.connection = fmt::format("c-{:05}", i),
                                       .tenant = "t",
                                       .kind = "client",
                                       .subject = "app",
                                       .remote = "test",
                                       .connected_at = from,
                                       .disconnected_at = from + i * 60'000,
                                       .code = 1000,
                                       .reason = "bye"}});
  }
  REQUIRE(hub.disk().commit(rows).has_value());
}

/// Time in which the store keeps up.
void pass(Harness& hub, std::int64_t seconds) {
  for (std::int64_t i = 0; i < seconds; ++i) {
    hub.advance(1000);
    hub.commit();
  }
}

}  // namespace

TEST_CASE("ended connections stay in the log as long as the operator says, then go in steps") {
  Harness hub(2, {.connection_log_days = 1});
  // Before the first look at the log, which is at the start.
  const std::int64_t now = hub.clock.now_ms();
  fill_log(hub, now - kDayMs - 2500 * 60'000 + 30'000, 2510);
  hub.advance(10);
  hub.commit();
  CHECK(hub.disk().state().logs.size() == 1510);
  pass(hub, 1);
  CHECK(hub.disk().state().logs.size() == 510);
  pass(hub, 1);
  CHECK(hub.disk().state().logs.size() == 10);
  CHECK(hub.disk().state().logs.begin()->second.disconnected_at >= now - kDayMs);
  // Within an hour after its day.
  pass(hub, kHourMs / 1000 + 1);
  CHECK(hub.disk().state().logs.empty());
}

TEST_CASE("a store that is behind is left alone with what is to be forgotten") {
  Harness hub(1, {.connection_log_days = 1});
  fill_log(hub, 0, 5);
  hub.is_congested_now = true;
  pass(hub, 3);
  CHECK(hub.disk().state().logs.size() == 5);
  hub.is_congested_now = false;
  pass(hub, 1);
  CHECK(hub.disk().state().logs.empty());
}

TEST_CASE("without a limit the log is kept for ever") {
  Harness hub(1, {.connection_log_days = 0});
  fill_log(hub, 0, 5);
  pass(hub, 2 * kHourMs / 1000);
  CHECK(hub.disk().state().logs.size() == 5);
}

TEST_CASE("a revocation is forgotten when its token has expired, in the store and in memory") {
  Harness hub;
  const std::int64_t now = hub.clock.now_ms();
  const auto revoke = [&](const std::string& jti, std::int64_t expires_at) {
    hub.shard().operations().revoke({.kind = auth::Kind::kClient,
                                     .tenant = "t",
                                     .subject = "admin",
                                     .scopes = auth::Scopes::all()},
                                    {.tenant = "", .jti = jti, .expires_at_ms = expires_at},
                                    [](Result<void> done) { CHECK(done.has_value()); });
    hub.commit();
  };
  pass(hub, 1);
  revoke("soon", now + kHourMs / 2);
  revoke("late", now + 5 * kHourMs);
  CHECK(hub.disk().state().revocations.size() == 2);
  pass(hub, kHourMs / 1000 + 1);
  CHECK(hub.disk().state().revocations.size() == 1);
  CHECK(hub.disk().state().revocations.contains({"t", "late"}));
}

}  // namespace fairlead::hub
