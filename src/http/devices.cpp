#include <utility>

#include "http/handlers.h"
#include "protocol/names.h"
#include "protocol/parse.h"

namespace fairlead::http {
namespace {

Result<hub::DeviceFilter> filter_of(const Query& query) {
  const auto connected = query.boolean("connected");
  if (!connected) return std::unexpected(connected.error());
  hub::DeviceFilter filter;
  filter.connected = *connected;
  if (const auto type = query.find("device_type")) filter.device_type = std::string(*type);
  if (const auto status = query.find("status")) {
    if (!protocol::is_device_status(*status)) {
      return invalid_field("status", "must be ok, warning, error or maintenance");
    }
    filter.status = std::string(*status);
  }
  filter.prefix = query.find("prefix").value_or("");
  return filter;
}

void write_device(Context& context, Request request, bool replaces) {
  protocol::Parser parser;
  auto body = parser.parse_device_body(request.http.body);
  if (!body) return respond_error(*request.exchange, body.error());
  context.operations.write_device(
      request.who, request.names[0], std::move(*body), replaces,
      [exchange = std::move(request.exchange)](Result<hub::Written> written) {
        if (!written) return respond_error(*exchange, written.error());
        respond_json(*exchange, written->is_new ? 201 : 200, std::move(written->json));
      });
}

}  // namespace

void list_devices(Context& context, Request request) {
  auto filter = filter_of(request.query);
  if (!filter) return respond_error(*request.exchange, filter.error());
  const auto limit = request.query.limit();
  if (!limit) return respond_error(*request.exchange, limit.error());
  auto after = name_cursor(request.query);
  if (!after) return respond_error(*request.exchange, after.error());
  context.operations.list_devices(
      request.who, std::move(*filter), std::move(*after), *limit,
      [exchange = std::move(request.exchange)](Result<hub::JsonPage> page) {
        if (!page) return respond_error(*exchange, page.error());
        std::optional<std::string> next;
        if (page->next) next = make_cursor({*page->next});
        respond_json(*exchange, 200, page_json(page->items, next));
      });
}

void get_device(Context& context, Request request) {
  context.operations.get_device(request.who, request.names[0],
                                [exchange = std::move(request.exchange)](Result<std::string> json) {
                                  if (!json) return respond_error(*exchange, json.error());
                                  respond_json(*exchange, 200, std::move(*json));
                                });
}

void put_device(Context& context, Request request) {
  write_device(context, std::move(request), true);
}

void patch_device(Context& context, Request request) {
  write_device(context, std::move(request), false);
}

void delete_device(Context& context, Request request) {
  context.operations.delete_device(request.who, request.names[0],
                                   [exchange = std::move(request.exchange)](Result<void> deleted) {
                                     if (!deleted) return respond_error(*exchange, deleted.error());
                                     exchange->respond({.status = 204, .headers = {}, .body = ""});
                                   });
}

}  // namespace fairlead::http
