#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "app/sim/backlog.h"

namespace fairlead::app::sim {

enum class RequestKind : std::uint8_t {
  kRegister,
  kStatus,
  kTelemetry,
  kHeartbeat,
  kAccept,
  kResult,
  kAuth,
};

/// Something that the device asked and that the hub has not answered.
struct Request {
  std::int64_t id = 0;
  RequestKind kind = RequestKind::kTelemetry;
  std::int64_t sent_us = 0;
  /// For telemetry.
  std::vector<Sample> samples{};
  /// For answers to commands.
  std::string command{};
};

/// The unanswered requests of one device, in the order sent. Ids rise over all its connections, so
/// that an answer that belongs to an older one is told from one that was never asked for.
class Requests {
 public:
  /// Gives `request` its id.
  std::int64_t add(Request request);

  struct Answered {
    std::optional<Request> request{};
    /// Asked before `request` and passed over: their answers are missing.
    std::vector<Request> passed_over{};
    /// What is wrong with the answer; empty when nothing is.
    std::string problem{};
  };
  /// An answer with that id came in. Without a request it answers none that waits.
  Answered answer(std::int64_t id);

  /// The connection is over: no answer will come. In the order sent.
  std::deque<Request> take_all();

  std::size_t size() const { return waiting_.size(); }
  std::size_t telemetry() const { return telemetry_; }
  /// Samples in all of them.
  std::size_t samples() const;
  bool has_heartbeat() const;
  /// When the oldest was sent, us.
  std::optional<std::int64_t> oldest_us() const;

 private:
  std::deque<Request> waiting_;
  std::int64_t last_id_ = 0;
  /// Ids up to this one belong to connections that are over.
  std::int64_t last_of_former_ = 0;
  std::size_t telemetry_ = 0;
};

}  // namespace fairlead::app::sim
