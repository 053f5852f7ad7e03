#include <utility>

#include "http/handlers.h"
#include "protocol/events.h"
#include "protocol/json_writer.h"
#include "protocol/parse.h"

namespace fairlead::http {
namespace {

Completion<commands::FleetReport> answer_with(int status, std::unique_ptr<net::Exchange> exchange) {
  return [status, exchange = std::move(exchange)](const Result<commands::FleetReport>& report) {
    if (!report) return respond_error(*exchange, report.error());
    std::string body;
    protocol::JsonWriter json(body);
    json.begin_object();
    protocol::write_members(json, commands::update_of(*report));
    json.end_object();
    respond_json(*exchange, status, std::move(body));
  };
}

}  // namespace

void post_fleet(Context& context, Request request) {
  protocol::Parser parser;
  auto body = parser.parse_fleet_body(request.http.body);
  if (!body) return respond_error(*request.exchange, body.error());
  context.operations.send_fleet(request.who, std::move(*body), commands::Sender{},
                                answer_with(201, std::move(request.exchange)));
}

void get_fleet(Context& context, Request request) {
  context.operations.get_fleet(request.who, request.names[0],
                               answer_with(200, std::move(request.exchange)));
}

void cancel_fleet(Context& context, Request request) {
  context.operations.cancel_fleet(request.who, request.names[0],
                                  answer_with(200, std::move(request.exchange)));
}

}  // namespace fairlead::http
