#include "store/postgres/reader.h"

#include <utility>

#include "store/bucket_fold.h"
#include "store/postgres/commands.h"
#include "store/postgres/fleets.h"
#include "store/postgres/hub.h"
#include "store/postgres/load.h"
#include "store/postgres/telemetry.h"

namespace fairlead::store::postgres {
namespace {

constexpr std::int64_t kRetryAfterMs = 1000;

Error unreachable(const Problem& problem) {
  return {.code = Code::kOverloaded,
          .message = "the store cannot be read: PostgreSQL: " + problem.message,
          .retry_after_ms = kRetryAfterMs};
}

}  // namespace

Result<std::unique_ptr<Reader>> Reader::open(const Options& options) {
  std::unique_ptr<Reader> reader(new Reader(options));
  if (auto connected = reader->connect(); !connected) return to_error(connected.error());
  return reader;
}

Outcome<void> Reader::connect() {
  auto opened = Connection::open(options_);
  if (!opened) return std::unexpected(std::move(opened.error()));
  connection_ = std::move(*opened);
  return {};
}

template <typename Ask>
auto Reader::ask(const Ask& ask) {
  using Value = typename decltype(ask(*connection_))::value_type;
  for (bool is_new = false;;) {
    if (!connection_) {
      if (auto connected = connect(); !connected) {
        return Result<Value>(std::unexpected(unreachable(connected.error())));
      }
      is_new = true;
    }
    Outcome<Value> answer = ask(*connection_);
    if (answer) return Result<Value>(std::move(*answer));
    const Problem& problem = answer.error();
    if (!problem.is_lost) return Result<Value>(to_error(problem));
    connection_.reset();
    if (is_new) return Result<Value>(std::unexpected(unreachable(problem)));
  }
}

Result<telemetry::Page> Reader::read(const telemetry::Range& range) {
  return ask([&](Connection& connection) { return read_samples(connection, range); });
}

Result<telemetry::Page> Reader::read_from(protocol::DeviceKey device, std::int64_t first_offset,
                                          std::size_t limit) {
  return ask([&](Connection& connection) {
    return read_samples_from(connection, device, first_offset, limit);
  });
}

Result<telemetry::BucketPage> Reader::read_buckets(const telemetry::BucketRange& range) {
  return fold_buckets(range, [this](const telemetry::Range& part) { return read(part); });
}

Result<std::int64_t> Reader::first_since(protocol::DeviceKey device, std::int64_t since) {
  return ask([&](Connection& connection) { return first_sample_since(connection, device, since); });
}

Result<std::optional<commands::Command>> Reader::find(const std::string& id) {
  return ask([&](Connection& connection) { return find_command(connection, id); });
}

Result<std::optional<commands::Fleet>> Reader::find_fleet(const std::string& id) {
  return ask([&](Connection& connection) { return postgres::find_fleet(connection, id); });
}

Result<std::vector<commands::Command>> Reader::list(const commands::ListQuery& query) {
  return ask([&](Connection& connection) { return list_commands(connection, query); });
}

Result<std::vector<hub::ConnectionLog>> Reader::list_logs(const hub::LogQuery& query) {
  return ask([&](Connection& connection) { return postgres::list_logs(connection, query); });
}

Result<Loaded> Reader::load(std::int64_t now_ms) {
  return ask([&](Connection& connection) { return postgres::load(connection, now_ms); });
}

}  // namespace fairlead::store::postgres
