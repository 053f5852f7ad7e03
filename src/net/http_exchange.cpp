#include "net/http_exchange.h"

#include <utility>

#include "base/assert.h"

namespace fairlead::net {

HttpExchange::HttpExchange(std::shared_ptr<HttpLink> link, bool is_upgrade,
                           std::vector<std::string> protocols)
    : link_(std::move(link)), is_upgrade_(is_upgrade), protocols_(std::move(protocols)) {}

HttpExchange::~HttpExchange() {
  if (link_) respond(problem_response({.status = 500, .detail = "the request was not answered"}));
}

void HttpExchange::respond(HttpResponse response) {
  const std::shared_ptr<HttpLink> link = std::move(link_);
  FAIRLEAD_ASSERT(link != nullptr);
  if (link->connection != nullptr) link->connection->respond(std::move(response));
}

void HttpExchange::stream(HttpResponse head, std::unique_ptr<BodySource> source) {
  const std::shared_ptr<HttpLink> link = std::move(link_);
  FAIRLEAD_ASSERT(link != nullptr);
  if (link->connection != nullptr) link->connection->stream(std::move(head), std::move(source));
}

void HttpExchange::upgrade(std::string_view protocol, std::size_t max_message_bytes,
                           std::move_only_function<void(std::unique_ptr<Transport>)> taker) {
  FAIRLEAD_ASSERT(is_upgrade_);
  const std::shared_ptr<HttpLink> link = std::move(link_);
  FAIRLEAD_ASSERT(link != nullptr);
  if (link->connection == nullptr) return;
  link->connection->upgrade(protocol, max_message_bytes, std::move(taker));
}

}  // namespace fairlead::net
