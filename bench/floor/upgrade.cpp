// floor-upgrade: accepts, upgrades, sends one message, and closes when the peer does.
#include <string>

#include "bench/floor/bare_server.h"

namespace fairlead::bench {
namespace {

class Upgrade final : public BareHandler {
 public:
  Upgrade() { BareServer::append_frame(greeting_, R"({"type":"welcome"})"); }
  void on_upgrade(BareConnection& connection) override {
    BareServer::write_all(connection.fd, greeting_);
  }
  void on_frame(BareConnection&, std::string_view) override {}

 private:
  std::string greeting_;
};

}  // namespace
}  // namespace fairlead::bench

int main() {
  fairlead::bench::Upgrade upgrade;
  fairlead::bench::BareServer(upgrade).run();
}
