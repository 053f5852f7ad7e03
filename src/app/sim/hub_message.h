#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace fairlead::app::sim {

// What the hub tells a device, read by a peer that doubts it: every member is checked, and ids are
// the integers that the simulator gives.

struct Welcome {
  std::string subject;
  std::int64_t heartbeat_ms = 0;
  std::int64_t max_message_bytes = 0;
  std::int64_t messages_per_second = 0;
  std::int64_t burst = 0;
  std::optional<std::string> epoch;
  std::int64_t last_seq = 0;
};

struct Ack {
  std::optional<std::int64_t> id;
  std::optional<std::int64_t> accepted;
  std::optional<std::int64_t> duplicates;
  std::optional<std::int64_t> last_seq;
};

struct ErrorMessage {
  std::optional<std::int64_t> id;
  std::string code;
  std::string message;
  std::optional<std::int64_t> retry_after_ms;
};

struct HeartbeatReply {
  std::optional<std::int64_t> id;
};

struct CommandMessage {
  std::string command;
  std::string name;
  /// JSON text; empty when there are none.
  std::string params;
  std::int64_t attempt = 0;
};

struct AuthExpiring {};

struct OtherMessage {
  std::string type;
};

using HubMessage = std::variant<Welcome, Ack, ErrorMessage, HeartbeatReply, CommandMessage,
                                AuthExpiring, OtherMessage>;

/// Reads messages; keeps its memory. Not thread-safe.
class HubMessageReader {
 public:
  HubMessageReader();
  ~HubMessageReader();
  HubMessageReader(const HubMessageReader&) = delete;
  HubMessageReader& operator=(const HubMessageReader&) = delete;

  /// The message, or what is wrong with it. Needs no readable bytes behind `text`.
  std::expected<HubMessage, std::string> read(std::string_view text);

  /// The number that member `name` of the JSON object `object` holds, if it does.
  std::optional<double> number_in(std::string_view object, std::string_view name);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fairlead::app::sim
