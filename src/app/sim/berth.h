#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "app/sim/device.h"
#include "app/sim/dial.h"
#include "app/sim/line.h"
#include "app/sim/moment.h"
#include "net/reactor.h"
#include "net/transport.h"

namespace fairlead::app::sim {

/// Both clocks, now.
Moment moment_now();

/// Where one device lies: its line over a real socket. On the reactor's thread.
class Berth final : public Line, private net::MessageHandler {
 public:
  struct Way {
    net::Reactor& reactor;
    const Url& url;
    /// For a URL with TLS.
    const net::TlsContext* tls;
    std::function<std::string()> mint;
    /// The device was told something: it may be due at another time.
    std::function<void()> stirred;
  };
  explicit Berth(Way way) : way_(std::move(way)) {}

  void set_device(std::unique_ptr<Device> device) { device_ = std::move(device); }
  Device& device() { return *device_; }
  const Device& device() const { return *device_; }
  /// What the last handshake that failed met; empty when none did.
  const std::string& last_refusal() const { return last_refusal_; }

  void open() override;
  void send(std::string_view message) override;
  void close() override;
  void drop() override;
  std::string fresh_token() override { return way_.mint(); }

 private:
  void on_message(MessageKind kind, std::string_view payload) override;
  void on_sign_of_life() override;
  void on_written() override {}
  void on_closed(const net::CloseInfo& info) override;
  void dialled(std::expected<std::unique_ptr<net::Transport>, Refusal> outcome);

  Way way_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<Dial> dial_;
  std::unique_ptr<net::Transport> transport_;
  std::string last_refusal_;
};

}  // namespace fairlead::app::sim
