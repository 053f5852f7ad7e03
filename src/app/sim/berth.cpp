#include "app/sim/berth.h"

#include <chrono>

#include "base/frame.h"
#include "protocol/codes.h"

namespace fairlead::app::sim {

Moment moment_now() {
  using std::chrono::duration_cast;
  return {.steady_us = duration_cast<std::chrono::microseconds>(
                           std::chrono::steady_clock::now().time_since_epoch())
                           .count(),
          .wall_ms = duration_cast<std::chrono::milliseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count()};
}

void Berth::open() {
  drop();
  dial_ = std::make_unique<Dial>(way_.reactor, way_.url, way_.tls, way_.mint(),
                                 [this](auto outcome) { dialled(std::move(outcome)); });
}

void Berth::dialled(std::expected<std::unique_ptr<net::Transport>, Refusal> outcome) {
  dial_.reset();
  if (outcome) {
    transport_ = *std::move(outcome);
    device_->on_open(moment_now());
    way_.reactor.attach(*transport_, *this);
  } else {
    last_refusal_ = outcome.error().message;
    device_->on_refused(outcome.error(), moment_now());
  }
  way_.stirred();
}

void Berth::send(std::string_view message) {
  if (transport_ != nullptr) transport_->send(make_frame(MessageKind::kText, message));
}

void Berth::close() {
  if (transport_ == nullptr) return;
  transport_->close(static_cast<std::uint16_t>(protocol::CloseCode::kNormal), "");
}

void Berth::drop() {
  dial_.reset();
  transport_.reset();
}

void Berth::on_message(MessageKind, std::string_view payload) {
  device_->on_message(payload, moment_now());
  way_.stirred();
}

void Berth::on_sign_of_life() { device_->on_sign_of_life(moment_now()); }

void Berth::on_closed(const net::CloseInfo& info) {
  device_->on_closed(info.code, info.reason, moment_now());
  transport_.reset();
  way_.stirred();
}

}  // namespace fairlead::app::sim
