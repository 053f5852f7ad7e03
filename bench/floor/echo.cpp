// floor-echo: sends each message back, all replies of one read in one write.
#include <string>

#include "bench/floor/bare_server.h"

namespace fairlead::bench {
namespace {

class Echo final : public BareHandler {
 public:
  void on_frame(BareConnection&, std::string_view payload) override {
    BareServer::append_frame(replies_, payload);
  }
  void on_read_done(BareConnection& connection) override {
    BareServer::write_all(connection.fd, replies_);
    replies_.clear();
  }

 private:
  std::string replies_;
};

}  // namespace
}  // namespace fairlead::bench

int main() {
  fairlead::bench::Echo echo;
  fairlead::bench::BareServer(echo).run();
}
