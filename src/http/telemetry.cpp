#include <algorithm>
#include <limits>
#include <utility>

#include "http/handlers.h"
#include "http/telemetry_buckets.h"
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

/// `fields_of_cursor`: how many a cursor of this list has, (ts, offset) or ts alone.
Result<telemetry::Range> range_of(const Query& query, std::size_t fields_of_cursor) {
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
    const auto fields = read_cursor(*cursor, fields_of_cursor);
    const auto ts = fields ? cursor_number(fields->front()) : std::nullopt;
    const auto offset = fields ? cursor_number(fields->back()) : std::nullopt;
    if (!ts || !offset) return invalid_field("cursor", "is none that this list gave");
    range.after = telemetry::Position{.ts = *ts, .offset = *offset};
  }
  return range;
}

/// Longer than any year: what is asked for is a chart, not one number.
constexpr std::int64_t kMaxBucketMs = 366LL * 24 * 60 * 60 * 1000;

Result<telemetry::BucketRange> buckets_of(const Query& query) {
  const auto bucket_ms = query.number("bucket_ms", 0, 1, kMaxBucketMs);
  if (!bucket_ms) return std::unexpected(bucket_ms.error());
  auto rows = range_of(query, 1);
  if (!rows) return std::unexpected(std::move(rows.error()));
  telemetry::BucketRange range;
  range.from_ts = rows->from_ts;
  range.to_ts = rows->to_ts;
  range.bucket_ms = *bucket_ms;
  range.is_descending = rows->is_descending;
  if (rows->after) range.after = rows->after->ts;
  range.limit = rows->limit;
  return range;
}

net::HttpResponse bucket_response(const telemetry::BucketPage& page, Format format,
                                  const std::vector<Told>& told, const net::HttpRequest& request) {
  std::optional<std::string> cursor;
  if (page.has_more) cursor = make_cursor({std::to_string(page.buckets.back().ts)});
  Headers headers = {{"Content-Type", std::string(content_type(format))},
                     {"Cache-Control", "no-store"},
                     {"Vary", "Accept"}};
  if (cursor && format != Format::kJson) headers.emplace_back("Link", next_link(request, *cursor));
  std::string body;
  if (format == Format::kCsv) {
    body = buckets_csv(page.buckets, told);
  } else {
    std::vector<std::string> items;
    items.reserve(page.buckets.size());
    for (const telemetry::Bucket& bucket : page.buckets) items.push_back(bucket_json(bucket, told));
    if (format == Format::kJson) {
      body = page_json(items, cursor);
    } else {
      for (const std::string& item : items) body.append(item).push_back('\n');
    }
  }
  return {.status = 200, .headers = std::move(headers), .body = std::move(body)};
}

void get_buckets(Context& context, Request request, Format format,
                 std::vector<std::string> metrics) {
  auto range = buckets_of(request.query);
  if (!range) return respond_error(*request.exchange, range.error());
  auto told = told_in(request.query);
  if (!told) return respond_error(*request.exchange, told.error());
  range->metrics = std::move(metrics);
  context.operations.read_buckets(
      request.who, request.names[0], std::move(*range),
      [exchange = std::move(request.exchange), http = std::move(request.http), format,
       told = std::move(*told)](const Result<telemetry::BucketPage>& page) {
        if (!page) return respond_error(*exchange, page.error());
        exchange->respond(bucket_response(*page, format, told, http));
      });
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
  auto metrics = metrics_of(request.query);
  if (!metrics) return respond_error(*request.exchange, metrics.error());
  if (request.query.find("bucket_ms")) {
    return get_buckets(context, std::move(request), *format, std::move(*metrics));
  }
  if (request.query.find("aggregate")) {
    return respond_error(*request.exchange,
                         invalid_field("aggregate", "is of buckets: give bucket_ms too").error());
  }
  auto range = range_of(request.query, 2);
  if (!range) return respond_error(*request.exchange, range.error());
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
