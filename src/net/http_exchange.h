#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/exchange.h"
#include "net/http_connection.h"

namespace fairlead::net {

/// One request's answer, on its way to the connection it came from.
class HttpExchange final : public Exchange {
 public:
  HttpExchange(std::shared_ptr<HttpLink> link, bool is_upgrade, std::vector<std::string> protocols);
  ~HttpExchange() override;
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  void respond(HttpResponse response) override;
  void stream(HttpResponse head, std::unique_ptr<BodySource> source) override;
  bool is_upgrade() const override { return is_upgrade_; }
  const std::vector<std::string>& offered_protocols() const override { return protocols_; }
  void upgrade(std::string_view protocol, std::size_t max_message_bytes,
               std::move_only_function<void(std::unique_ptr<Transport>)> taker) override;

 private:
  /// Empty once answered.
  std::shared_ptr<HttpLink> link_;
  bool is_upgrade_;
  std::vector<std::string> protocols_;
};

}  // namespace fairlead::net
