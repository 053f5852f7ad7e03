#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/frame.h"
#include "net/deflate.h"
#include "net/utf8.h"
#include "net/websocket.h"

namespace fairlead::net {

/// What the decoder found next.
struct Decoded {
  enum class Kind : std::uint8_t { kNeedMore, kMessage, kPing, kPong, kClose, kError };
  Kind kind = Kind::kNeedMore;
  /// kMessage: text or binary.
  MessageKind message = MessageKind::kText;
  /// kClose: the peer's code, 1005 when it sent none. kError: the code to close with.
  std::uint16_t code = 0;
  /// kMessage, kPing, kPong: the payload. kClose: the reason. kError: what is wrong, for a person.
  /// Lasts until the next call of next() and as long as the input.
  std::string_view payload;
};

/// RFC 6455 frames out of bytes: unmasks, joins fragments, checks every rule of sections 5, 7.4 and
/// 8.1. Knows no socket.
///
/// A frame that is whole in the input is unmasked where it lies and handed out as a view. Of one
/// that is not, the bytes that are there are unmasked, checked and put aside, so what stays in the
/// input is at most the beginning of a header or of a control frame (kMaxLeftover).
class WebSocketDecoder {
 public:
  /// A header of 14 bytes and a control frame's payload, less the last byte.
  static constexpr std::size_t kMaxLeftover = 14 + kMaxControlBytes - 1;
  /// Readable bytes behind each message that was put together here, as MessageHandler promises.
  static constexpr std::size_t kPadding = 64;

  /// A message longer than `max_message_bytes` is an error with 1009, judged by the header, before
  /// any memory is taken.
  WebSocketDecoder(Role role, std::size_t max_message_bytes)
      : max_message_bytes_(max_message_bytes), role_(role) {}

  /// From now on a first frame with RSV1 is a compressed message (RFC 7692).
  void enable_deflate(std::unique_ptr<Inflater> inflater) { inflater_ = std::move(inflater); }

  /// Takes the next thing off the front of `input`, which it changes. kNeedMore: what is left in
  /// `input` is to be given again with more behind it. After kError or kClose it takes everything
  /// and finds nothing (RFC 6455, 1.4: what follows a close frame is discarded).
  Decoded next(std::span<char>& input);
  /// What is kept here of a message that is not whole.
  std::size_t held_bytes() const { return joined_ ? joined_->size() : 0; }

 private:
  struct Header {
    Opcode opcode = Opcode::kContinuation;
    bool is_final = false;
    bool is_compressed = false;
    std::uint64_t length = 0;
    std::uint32_t mask = 0;
    std::size_t bytes = 0;
  };
  enum class Parsed : std::uint8_t { kNeedMore, kOk, kError };

  Parsed parse_header(std::string_view input, Header& header);
  Parsed parse_length(std::string_view input, Header& header);
  bool check_first_octets(unsigned first, unsigned second, const Header& header);
  bool check_data_frame(const Header& header);
  Decoded next_control(std::span<char>& input, const Header& header);
  Decoded decode_close(std::string_view payload);
  Decoded whole_message(std::span<char>& input, const Header& header);
  void begin_frame(const Header& header);
  bool take_part(std::span<char>& input);
  Decoded finish_message(std::string_view payload);
  Decoded inflate_message(std::string_view payload);
  /// `reason` is a constant.
  bool set_error(std::uint16_t code, const char* reason);
  Decoded error() const;
  void release();

  std::size_t max_message_bytes_;
  /// The message so far, when it did not come in one frame in one piece.
  std::unique_ptr<std::string> joined_;
  const char* error_reason_ = "";
  std::unique_ptr<Inflater> inflater_;
  std::uint64_t frame_left_ = 0;
  std::uint32_t mask_ = 0;
  Utf8Validator utf8_;
  std::uint16_t error_code_ = 0;
  Role role_;
  Opcode message_ = Opcode::kContinuation;
  std::uint8_t mask_offset_ = 0;
  bool is_in_message_ = false;
  bool is_in_frame_ = false;
  bool is_final_frame_ = false;
  bool is_compressed_ = false;
  bool is_joined_delivered_ = false;
  bool is_over_ = false;
};

}  // namespace fairlead::net
