#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "base/frame.h"
#include "base/result.h"
#include "protocol/requests.h"

namespace fairlead::protocol {

/// Which encoding a connection speaks.
enum class Codec : std::uint8_t { kJson, kCbor };

/// A message that is none: what to answer, and under which id (none when the id itself was bad).
struct BadRequest {
  Error error;
  RequestId id;
  /// How many samples of telemetry are refused with it.
  std::size_t refused_samples = 0;
};

struct ParsedRequest {
  RequestId id;
  Request request;
};

/// Turns the bytes of a message into a request. One per shard: keeps its buffers from message to
/// message, so that a telemetry message costs no allocation. Not thread-safe.
class Parser {
 public:
  Parser();
  ~Parser();
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  /// One WebSocket message. At least 64 readable bytes follow `bytes`. Views in the result last
  /// until the next call on this parser (or the end of `bytes`, whichever comes first).
  std::expected<ParsedRequest, BadRequest> parse(Codec codec, std::string_view bytes);

  // Bodies of HTTP requests: the same rules without `type` and `id`. Need no readable bytes behind.
  Result<Telemetry> parse_telemetry_body(std::string_view body);
  Result<DeviceWrite> parse_device_body(std::string_view body);
  Result<CommandSend> parse_command_body(std::string_view body);
  Result<FleetSend> parse_fleet_body(std::string_view body);

  /// What write_definition() made.
  Result<Subscribe> parse_definition(std::string_view definition);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fairlead::protocol
