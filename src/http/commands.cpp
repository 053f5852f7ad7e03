#include <utility>

#include "http/handlers.h"
#include "protocol/parse.h"

namespace fairlead::http {
namespace {

constexpr std::int64_t kMaxWaitMs = 60'000;

std::string command_json(const commands::Command& command) {
  std::string json;
  commands::write_json(json, command);
  return json;
}

Completion<commands::Command> answer_with(int status, std::unique_ptr<net::Exchange> exchange) {
  return [status, exchange = std::move(exchange)](Result<commands::Command> command) {
    if (!command) return respond_error(*exchange, command.error());
    respond_json(*exchange, status, command_json(*command));
  };
}

Result<commands::ListQuery> list_query_of(const Query& query) {
  commands::ListQuery list;
  const auto limit = query.limit();
  if (!limit) return std::unexpected(limit.error());
  // One more than asked for tells whether there is a next page.
  list.limit = *limit + 1;
  if (const auto status = query.find("status")) {
    list.state = commands::state_named(*status);
    if (!list.state) {
      return invalid_field(
          "status", fmt::format("must be one of {}", fmt::join(commands::kStateNames, ", ")));
    }
  }
  if (const auto cursor = query.find("cursor")) {
    auto fields = read_cursor(*cursor, 2);
    list.before_issued_at = fields ? cursor_number((*fields)[0]) : std::nullopt;
    if (!list.before_issued_at) return invalid_field("cursor", "is none that this list gave");
    list.before_id = std::move((*fields)[1]);
  }
  return list;
}

}  // namespace

void post_command(Context& context, Request request) {
  const auto wait_ms = request.query.number("wait_ms", 0, 0, kMaxWaitMs);
  if (!wait_ms) return respond_error(*request.exchange, wait_ms.error());
  protocol::Parser parser;
  auto body = parser.parse_command_body(request.http.body);
  if (!body) return respond_error(*request.exchange, body.error());
  body->device = request.names[0];
  auto& operations = context.operations;
  const auth::Principal who = request.who;
  operations.send_command(
      who, std::move(*body), commands::Sender{},
      [&operations, who, wait_ms = *wait_ms,
       exchange = std::move(request.exchange)](Result<commands::Sent> sent) mutable {
        if (!sent) return respond_error(*exchange, sent.error());
        operations.wait_for_command(who, sent->command, wait_ms,
                                    answer_with(201, std::move(exchange)));
      });
}

void list_commands(Context& context, Request request) {
  auto query = list_query_of(request.query);
  if (!query) return respond_error(*request.exchange, query.error());
  const std::size_t limit = query->limit - 1;
  context.operations.list_commands(
      request.who, request.names[0], std::move(*query),
      [limit,
       exchange = std::move(request.exchange)](Result<std::vector<commands::Command>> found) {
        if (!found) return respond_error(*exchange, found.error());
        std::optional<std::string> next;
        if (found->size() > limit) {
          found->resize(limit);
          next = make_cursor({std::to_string(found->back().issued_at), found->back().id});
        }
        std::vector<std::string> items;
        for (const commands::Command& command : *found) items.push_back(command_json(command));
        respond_json(*exchange, 200, page_json(items, next));
      });
}

void get_command(Context& context, Request request) {
  context.operations.get_command(request.who, request.names[0],
                                 answer_with(200, std::move(request.exchange)));
}

void cancel_command(Context& context, Request request) {
  context.operations.cancel_command(request.who, request.names[0],
                                    answer_with(200, std::move(request.exchange)));
}

}  // namespace fairlead::http
