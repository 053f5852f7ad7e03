#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace fairlead::net {

/// What the operator wants of permessage-deflate (RFC 7692).
struct DeflateOptions {
  /// Messages below this many bytes leave uncompressed: they cost more than they save.
  std::size_t min_bytes = 1024;
  /// zlib's level, 1 to 9.
  int level = 6;
  /// Forget the window after each message, so that all who get a message share what was deflated
  /// once. Keeping it costs 270 KB a connection, and each deflates for itself.
  bool server_no_context_takeover = true;
  /// The peer forgets its window. Keeping it costs 40 KB a connection.
  bool client_no_context_takeover = true;
};

/// What both ends agreed on.
struct DeflateAgreement {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  int server_max_window_bits = 15;
  /// Value of Sec-WebSocket-Extensions in the answer.
  std::string header;
};

/// Takes the first acceptable permessage-deflate offer of a Sec-WebSocket-Extensions value (several
/// headers joined by commas); nothing when there is none (RFC 7692, 5 and 7.1).
std::optional<DeflateAgreement> negotiate_deflate(std::string_view offers,
                                                  const DeflateOptions& options);

/// Inflates the messages of one direction, in order.
class Inflater {
 public:
  enum class Outcome : std::uint8_t { kOk, kBadData, kTooBig };

  /// `keeps_context`: later messages may refer to earlier ones.
  explicit Inflater(bool keeps_context);
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Appends the message to `out`, stopping as soon as it is longer than `max_bytes`.
  Outcome inflate(std::string_view compressed, std::size_t max_bytes, std::string& out);

 private:
  struct Stream;
  Outcome feed(std::string_view bytes, std::size_t max_bytes, std::string& out);
  bool restart();

  std::unique_ptr<Stream> stream_;
  bool keeps_context_;
  bool has_ended_ = false;
};

/// Deflates messages: those of one direction, in order, when it keeps its context, else any.
class Deflater {
 public:
  /// `window_bits`: 8 to 15.
  Deflater(bool keeps_context, int window_bits, int level);
  ~Deflater();
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  /// The compressed message without its last four octets (RFC 7692, 7.2.1). `message` not empty.
  std::string deflate(std::string_view message);

 private:
  struct Stream;

  std::unique_ptr<Stream> stream_;
  bool keeps_context_;
  int window_bits_;
  int level_;
};

}  // namespace fairlead::net
