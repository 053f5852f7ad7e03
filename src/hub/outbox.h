#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hub/encoder.h"
#include "hub/event.h"
#include "net/transport.h"

namespace fairlead::hub {

/// What waits for one connection, bounded. A reader that is behind first loses telemetry, which is
/// counted for each of its subscriptions and told by `lag` before the next telemetry of that
/// subscription; everything else is kept until the bound is passed.
class Outbox {
 public:
  Outbox(net::Transport& transport, std::size_t limit_bytes, Encoder& encoder,
         protocol::Codec codec);

  /// False when the bound is passed: the connection is too slow to be kept.
  bool control(SharedFrame frame);
  bool control(const Encoded& message);
  /// Sends it, or counts it as lost; the `lag` of its subscriptions goes before it.
  void telemetry(const Event& event, const Recipient& recipient);
  /// Keeps only the newest whole sample of the device until `due_ms`; what it replaces was asked to
  /// be left out and is no loss.
  void conflate(Event event, Recipient recipient, std::int64_t now_steady_ms);
  /// Sends conflated samples that are due. Returns when the next one is.
  std::optional<std::int64_t> flush_conflated(std::int64_t now_steady_ms);

  /// Little waits: a replay may go on.
  bool has_room() const { return transport_.queued_bytes() < limit_bytes_ / 4; }

  /// While memory is short a reader may be less behind before it loses telemetry.
  void set_memory_short(bool is_short) { telemetry_share_ = is_short ? 16 : 2; }

  /// A subscription ended: neither its losses are told nor its conflated samples sent.
  void forget(SubscriptionNumber subscription);
  std::uint64_t dropped() const { return dropped_; }
  /// Of conflated samples that wait for their time.
  std::size_t kept_bytes() const { return aside_ ? aside_->kept_bytes : 0; }

 private:
  struct Loss {
    std::int64_t dropped = 0;
    std::int64_t since = 0;
  };
  struct Conflated {
    std::int64_t due_ms = 0;
    std::optional<std::pair<Event, Recipient>> newest;

    std::size_t bytes() const { return newest ? newest->first.frame->wire().size() : 0; }
  };
  bool fits(std::size_t bytes, std::size_t limit) const {
    return transport_.queued_bytes() + bytes <= limit;
  }
  /// What a reader needs that is behind, or that asked for an interval.
  struct Aside {
    std::vector<std::pair<SubscriptionNumber, Loss>> losses;
    boost::unordered_flat_map<protocol::DeviceKey, Conflated> conflated;
    std::size_t kept_bytes = 0;
  };
  Aside& aside();
  void count_losses(const Event& event, const Recipient& recipient);
  void tell_losses(const Recipient& recipient);

  net::Transport& transport_;
  std::size_t limit_bytes_;
  Encoder& encoder_;
  protocol::Codec codec_;
  /// Of the bound, what telemetry may take: the rest is left to what must not be dropped.
  std::uint8_t telemetry_share_ = 2;
  /// Null for the many that need none of it.
  std::unique_ptr<Aside> aside_;
  std::uint64_t dropped_ = 0;
};

}  // namespace fairlead::hub
