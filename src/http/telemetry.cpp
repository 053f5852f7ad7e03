#include <algorithm>
#include <limits>
#include <utility>

#include "http/handlers.h"
#include "http/telemetry_export.h"
#include "http/telemetry_format.h"
#include "protocol/json_writer.h"
#include "protocol/limits.h"
#include "protocol/names.h"

namespace fairlead::http {
namespace {

Result<std::vector<std::string>> metrics_of(const Query& query) {
  std::vector<std::string> names;
  std::string_view text = query.find("metrics").value_or("");
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view name = text.substr(0, comma);
    if (!protocol::is_metric_name(name) || names.size() == protocol::kMaxMetrics) {
      return invalid_field("metrics", fmt::format("must be 1 to {} names separated by commas",
                                                  protocol::kMaxMetrics));
    }
    names.emplace_back(name);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

Result<telemetry::Range> range_of(const Query& query) {
  constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();
  telemetry::Range range;
  const auto from = query.number("from", 0, 0, protocol::kMaxSafeInteger);
  const auto to = query.number("to", kEnd, 0, kEnd);
  const auto limit = query.limit();
  if (!from) return std::unexpected(from.error());
  if (!to) return std::unexpected(to.error());
  if (!limit) return std::unexpected(limit.error());
  range.from_ts = *from;
  range.to_ts = *to;
  range.limit = *limit;
  const std::string_view order = query.find("order").value_or("asc");
  if (order != "asc" && order != "desc") return invalid_field("order", "must be asc or desc");
  range.is_descending = order == "desc";
  if (const auto cursor = query.find("cursor")) {
    const auto fields = read_cursor(*cursor, 2);
    const auto ts = fields ? cursor_number((*fields)[0]) : std::nullopt;
    const auto offset = fields ? cursor_number((*fields)[1]) : std::nullopt;
    if (!ts || !offset) return invalid_field("cursor", "is none that this list gave");
    range.after = telemetry::Position{.ts = *ts, .offset = *offset};
  }
  return range;
}

}  // namespace

void post_telemetry(Context& context, Request request) {
  context.operations.post_telemetry(
      request.who, request.names[0], std::move(request.http.body),
      [exchange = std::move(request.exchange)](Result<telemetry::Accepted> accepted) {
        if (!accepted) return respond_error(*exchange, accepted.error());
        std::string body;
        protocol::JsonWriter json(body);
        json.begin_object().member("accepted", accepted->accepted);
        json.member("duplicates", accepted->duplicates);
        if (accepted->last_seq) json.member("last_seq", *accepted->last_seq);
        json.end_object();
        respond_json(*exchange, 202, std::move(body));
      });
}

void get_telemetry(Context& context, Request request) {
  const auto format = negotiate(request.http.header("accept"));
  if (!format) {
    Error error{.code = Code::kInvalid,
                .message = "Accept: application/json, application/x-ndjson or text/csv"};
    return respond_error(*request.exchange, error);
  }
  auto range = range_of(request.query);
  if (!range) return respond_error(*request.exchange, range.error());
  auto metrics = metrics_of(request.query);
  if (!metrics) return respond_error(*request.exchange, metrics.error());
  export_telemetry({.operations = context.operations,
                    .who = std::move(request.who),
                    .device = std::move(request.names[0]),
                    .range = *range,
                    .format = *format,
                    .metrics = std::move(*metrics),
                    .http = std::move(request.http)},
                   std::move(request.exchange));
}

void get_latest(Context& context, Request request) {
  context.operations.latest(request.who, request.names[0],
                            [exchange = std::move(request.exchange)](Result<std::string> json) {
                              if (!json) return respond_error(*exchange, json.error());
                              respond_json(*exchange, 200, std::move(*json));
                            });
}

}  // namespace fairlead::http
