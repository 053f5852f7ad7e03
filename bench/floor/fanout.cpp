// floor-fanout: what comes from a connection to /pub goes to every other one. The frames of one
// read are encoded once, and one write a subscriber sends them; the publisher gets them back too,
// which is its ack.
#include <algorithm>
#include <string>
#include <vector>

#include "bench/floor/bare_server.h"

namespace fairlead::bench {
namespace {

class FanOut final : public BareHandler {
 public:
  void on_upgrade(BareConnection& connection) override {
    if (connection.path != "/pub") subscribers_.push_back(connection.fd);
  }
  void on_frame(BareConnection&, std::string_view payload) override {
    BareServer::append_frame(shared_, payload);
  }
  void on_read_done(BareConnection& connection) override {
    if (shared_.empty()) return;
    for (const int subscriber : subscribers_) BareServer::write_all(subscriber, shared_);
    BareServer::write_all(connection.fd, shared_);
    shared_.clear();
  }
  void on_end(BareConnection& connection) override { std::erase(subscribers_, connection.fd); }

 private:
  std::vector<int> subscribers_;
  std::string shared_;
};

}  // namespace
}  // namespace fairlead::bench

int main() {
  fairlead::bench::FanOut fan_out;
  fairlead::bench::BareServer(fan_out).run();
}
