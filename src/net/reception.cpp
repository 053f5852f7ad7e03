#include "net/reception.h"

#include <utility>

#include "net/reactor.h"

namespace fairlead::net {

Reception::Reception(Reactor& host, ReceptionRules rules, RequestHandler& handler)
    : host_(host), rules_(std::move(rules)), handler_(handler) {}

Reception::~Reception() = default;

void Reception::welcome(Socket socket, Pass pass) {
  if (host_.count().newcomers >= rules_.max_inside && !inside_.empty()) inside_.front().drop();
  auto newcomer =
      std::make_unique<Newcomer>(host_, shared_from_this(), std::move(socket), std::move(pass));
  inside_.push_back(*newcomer);
  Newcomer& begun = *newcomer;
  host_.adopt(std::move(newcomer));
  begun.begin();
}

void Reception::queue(Newcomer& newcomer) {
  if (!newcomer.queued_hook_.is_linked()) queued_.push_back(newcomer);
  host_.make_ready(*this);
}

void Reception::on_events(std::uint32_t /*events*/) {}

void Reception::on_ready() {
  for (int left = kStepsPerTurn; left > 0 && !queued_.empty(); --left) {
    Newcomer& next = queued_.front();
    queued_.pop_front();
    next.step();
  }
  if (!queued_.empty()) host_.make_ready(*this);
}

void Reception::pass(Socket socket, std::string remote, Pass pass) {
  host_.serve(std::move(socket), handler_, std::move(remote), std::move(pass));
}

}  // namespace fairlead::net
