#include <limits>
#include <utility>

#include "http/handlers.h"
#include "protocol/json_reader.h"
#include "protocol/limits.h"

namespace fairlead::http {
namespace {

std::optional<std::string> text_of(const Query& query, std::string_view name) {
  const auto value = query.find(name);
  return value ? std::optional(std::string(*value)) : std::nullopt;
}

Result<hub::ConnectionFilter> connection_filter_of(const Query& query) {
  hub::ConnectionFilter filter{.kind = text_of(query, "kind"),
                               .subject = text_of(query, "subject"),
                               .prefix = text_of(query, "prefix").value_or("")};
  const bool is_kind = !filter.kind || *filter.kind == auth::name_of(auth::Kind::kDevice) ||
                       *filter.kind == auth::name_of(auth::Kind::kClient);
  if (!is_kind) return invalid_field("kind", "must be device or client");
  return filter;
}

Result<hub::LogQuery> log_query_of(const Query& query) {
  constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();
  hub::LogQuery logs;
  const auto from = query.number("from", 0, 0, kEnd);
  const auto to = query.number("to", kEnd, 0, kEnd);
  const auto limit = query.limit();
  if (!from) return std::unexpected(from.error());
  if (!to) return std::unexpected(to.error());
  if (!limit) return std::unexpected(limit.error());
  logs.device = text_of(query, "device");
  if (query.find("from")) logs.from = *from;
  if (query.find("to")) logs.to = *to;
  logs.limit = *limit;
  if (const auto cursor = query.find("cursor")) {
    auto fields = read_cursor(*cursor, 2);
    logs.before_disconnected_at = fields ? cursor_number((*fields)[0]) : std::nullopt;
    if (!logs.before_disconnected_at) return invalid_field("cursor", "is none that this list gave");
    logs.before_connection = std::move((*fields)[1]);
  }
  return logs;
}

Result<auth::Revocation> revocation_of(std::string_view body) {
  protocol::JsonReader reader;
  if (auto read = reader.read_copy(body); !read) return std::unexpected(read.error());
  const protocol::Document& document = reader.document();
  const protocol::Node& root = document.root();
  if (root.kind != protocol::NodeKind::kObject) {
    return fail(Code::kBadMessage, "the body must be a JSON object");
  }
  const protocol::Node* const jti = document.find(root, "jti");
  const bool is_text = jti != nullptr && jti->kind == protocol::NodeKind::kString;
  if (!is_text || jti->text.empty() || jti->text.size() > 256) {
    return invalid_field("jti", "must be a string of 1 to 256 bytes");
  }
  const protocol::Node* const expiry = document.find(root, "expires_at");
  const bool is_time = expiry != nullptr && expiry->kind == protocol::NodeKind::kNumber &&
                       expiry->is_integer && expiry->integer > 0 &&
                       expiry->integer <= protocol::kMaxSafeInteger;
  if (!is_time) return invalid_field("expires_at", "must be a time in ms since the Unix epoch");
  return auth::Revocation{
      .tenant = "", .jti = std::string(jti->text), .expires_at_ms = expiry->integer};
}

}  // namespace

void list_connections(Context& context, Request request) {
  const auto limit = request.query.limit();
  if (!limit) return respond_error(*request.exchange, limit.error());
  auto after = name_cursor(request.query);
  if (!after) return respond_error(*request.exchange, after.error());
  auto filter = connection_filter_of(request.query);
  if (!filter) return respond_error(*request.exchange, filter.error());
  context.operations.list_connections(
      request.who, std::move(*filter), std::move(*after), *limit,
      [exchange = std::move(request.exchange)](Result<hub::JsonPage> page) {
        if (!page) return respond_error(*exchange, page.error());
        std::optional<std::string> next;
        if (page->next) next = make_cursor({*page->next});
        respond_json(*exchange, 200, page_json(page->items, next));
      });
}

void delete_connection(Context& context, Request request) {
  context.operations.end_connection(request.who, request.names[0],
                                    [exchange = std::move(request.exchange)](Result<void> ended) {
                                      if (!ended) return respond_error(*exchange, ended.error());
                                      exchange->respond({.status = 204, .headers = {}, .body = ""});
                                    });
}

void list_connection_logs(Context& context, Request request) {
  auto query = log_query_of(request.query);
  if (!query) return respond_error(*request.exchange, query.error());
  context.operations.list_logs(
      request.who, std::move(*query),
      [exchange = std::move(request.exchange)](Result<hub::LogPage> page) {
        if (!page) return respond_error(*exchange, page.error());
        std::optional<std::string> next;
        if (page->next) {
          next = make_cursor({std::to_string(page->next->disconnected_at), page->next->connection});
        }
        std::vector<std::string> items;
        for (const hub::ConnectionLog& log : page->logs) items.push_back(hub::log_json(log));
        respond_json(*exchange, 200, page_json(items, next));
      });
}

void revoke_token(Context& context, Request request) {
  auto revocation = revocation_of(request.http.body);
  if (!revocation) return respond_error(*request.exchange, revocation.error());
  context.operations.revoke(request.who, std::move(*revocation),
                            [exchange = std::move(request.exchange)](Result<void> revoked) {
                              if (!revoked) return respond_error(*exchange, revoked.error());
                              exchange->respond({.status = 204, .headers = {}, .body = ""});
                            });
}

}  // namespace fairlead::http
