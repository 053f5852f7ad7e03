#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/compression.h"
#include "support/process.h"
#include "support/socket.h"
#include "support/ws_frame.h"

namespace fairlead::conformance {

/// What was received, in words: `text:…`, `binary:…`, `ping:…`, `pong:…`, `close:1000`. A payload
/// over 64 octets is told by its length and a hash.
using Transcript = std::vector<std::string>;

std::string told(std::string_view kind, std::string_view payload);

/// fairlead-echo on a free port.
class EchoServer {
 public:
  explicit EchoServer(std::vector<std::string> arguments = {});
  std::uint16_t port() const { return port_; }

 private:
  std::unique_ptr<support::Process> process_;
  std::uint16_t port_ = 0;
};

/// A masked frame with any first octet: 0x81 is a whole text, 0x01 its first fragment, 0x80 the
/// last one, 0x89 a ping.
std::string frame(unsigned first, std::string_view payload = {});

/// A close frame.
std::string close_frame(unsigned code, std::string_view reason = {});

/// `message` in fragments of `step` octets, with `between` before each but the first.
std::string fragments(unsigned opcode, std::string_view message, std::size_t step,
                      std::string_view between = {});

/// A WebSocket client that sends any octets, writes down what comes, and fails the test when a
/// frame of the server breaks the rules itself.
class Peer {
 public:
  explicit Peer(const EchoServer& server, std::string_view extensions = {});

  void send(std::string_view octets);
  /// In writes of `step` octets.
  void send_chopped(std::string_view octets, std::size_t step);
  /// What comes next; messages of the server that are compressed are inflated.
  std::string next();
  /// Everything up to the end of the connection, which is the server's to make.
  Transcript rest();
  /// Closes with 1000 and returns what came up to the end.
  Transcript finish();

  /// Value of Sec-WebSocket-Extensions in the answer.
  const std::string& agreed() const { return agreed_; }
  /// How many messages of the server were compressed.
  int compressed() const { return compressed_; }

 private:
  std::optional<std::string> read_next();

  support::Socket socket_;
  std::string buffer_;
  std::string agreed_;
  std::unique_ptr<support::Decompressor> decompressor_;
  int compressed_ = 0;
};

/// What is sent, and what must come back, up to the end of the connection.
struct Case {
  std::string name;
  std::string sent;
  Transcript answers;
};

/// Runs each case twice, sent in one piece and octet by octet, each on a connection of its own; a
/// close with 1000 follows what is sent. What is over 1024 octets goes in pieces of 997.
void check(const EchoServer& server, const std::vector<Case>& cases);

/// The answers, and then the end that the close with 1000 brings.
Transcript and_1000(Transcript answers);

}  // namespace fairlead::conformance
