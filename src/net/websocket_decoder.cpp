#include "net/websocket_decoder.h"

#include <algorithm>
#include <cstring>

namespace fairlead::net {
namespace {

constexpr unsigned kFin = 0x80;
constexpr unsigned kRsv1 = 0x40;
constexpr unsigned kRsv23 = 0x30;
constexpr unsigned kMaskBit = 0x80;
/// Up to this length a frame's memory is taken at once; above, as its bytes arrive, so that a
/// header alone cannot make us reserve megabytes.
constexpr std::uint64_t kReserveAtOnce = 64 * 1024;

bool is_control(Opcode opcode) { return static_cast<unsigned>(opcode) >= 0x8; }

bool is_known(unsigned opcode) { return opcode <= 0x2 || (opcode >= 0x8 && opcode <= 0xA); }

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

}  // namespace

bool WebSocketDecoder::set_error(std::uint16_t code, const char* reason) {
  error_code_ = code;
  error_reason_ = reason;
  is_over_ = true;
  return false;
}

Decoded WebSocketDecoder::error() const {
  return {.kind = Decoded::Kind::kError, .code = error_code_, .payload = error_reason_};
}

void WebSocketDecoder::release() {
  if (!is_joined_delivered_) return;
  joined_.reset();
  is_joined_delivered_ = false;
}

bool WebSocketDecoder::check_first_octets(unsigned first, unsigned second, const Header& header) {
  using close_code::kProtocolError;
  if ((first & kRsv23) != 0) return set_error(kProtocolError, "reserved bits set");
  if (!is_known(first & 0xFU)) return set_error(kProtocolError, "reserved opcode");
  if ((first & kRsv1) != 0) {
    // RFC 7692, 6: only the first frame of a data message carries RSV1.
    const bool may_be = inflater_ != nullptr && !is_control(header.opcode) &&
                        header.opcode != Opcode::kContinuation;
    if (!may_be) return set_error(kProtocolError, "reserved bit set");
  }
  const bool is_masked = (second & kMaskBit) != 0;
  if (is_masked != (role_ == Role::kServer)) {
    return set_error(kProtocolError, is_masked ? "frame is masked" : "frame is not masked");
  }
  if (is_control(header.opcode)) {
    if (!header.is_final) return set_error(kProtocolError, "fragmented control frame");
    if ((second & 0x7FU) > kMaxControlBytes) {
      return set_error(kProtocolError, "control frame over 125 bytes");
    }
    return true;
  }
  if (header.opcode == Opcode::kContinuation && !is_in_message_) {
    return set_error(kProtocolError, "continuation without a message");
  }
  if (header.opcode != Opcode::kContinuation && is_in_message_) {
    return set_error(kProtocolError, "new message inside a fragmented one");
  }
  return true;
}

WebSocketDecoder::Parsed WebSocketDecoder::parse_length(std::string_view input, Header& header) {
  const unsigned short_length = static_cast<unsigned char>(input[1]) & 0x7FU;
  header.length = short_length;
  header.bytes = 2;
  if (short_length < 126) return Parsed::kOk;
  const std::size_t extended = short_length == 126 ? 2 : 8;
  if (input.size() < 2 + extended) return Parsed::kNeedMore;
  header.length = big_endian(input.substr(2, extended));
  header.bytes += extended;
  // RFC 6455, 5.2: the minimal number of bytes must be used, the most significant bit must be 0.
  const bool is_minimal = header.length > (extended == 2 ? 125U : 0xFFFFU);
  if (!is_minimal || (header.length >> 63) != 0) {
    set_error(close_code::kProtocolError, "bad payload length");
    return Parsed::kError;
  }
  return Parsed::kOk;
}

bool WebSocketDecoder::check_data_frame(const Header& header) {
  if (is_control(header.opcode)) return true;
  const std::size_t before = is_in_message_ ? joined_->size() : 0;
  if (header.length <= max_message_bytes_ && before <= max_message_bytes_ - header.length) {
    return true;
  }
  return set_error(close_code::kTooBig, "message too big");
}

WebSocketDecoder::Parsed WebSocketDecoder::parse_header(std::string_view input, Header& header) {
  if (input.size() < 2) return Parsed::kNeedMore;
  const unsigned first = static_cast<unsigned char>(input[0]);
  const unsigned second = static_cast<unsigned char>(input[1]);
  header.opcode = static_cast<Opcode>(first & 0xFU);
  header.is_final = (first & kFin) != 0;
  header.is_compressed = (first & kRsv1) != 0;
  if (!check_first_octets(first, second, header)) return Parsed::kError;
  const Parsed length = parse_length(input, header);
  if (length != Parsed::kOk) return length;
  if (!check_data_frame(header)) return Parsed::kError;
  if (role_ == Role::kServer) {
    if (input.size() < header.bytes + sizeof header.mask) return Parsed::kNeedMore;
    std::memcpy(&header.mask, input.data() + header.bytes, sizeof header.mask);
    header.bytes += sizeof header.mask;
  }
  return Parsed::kOk;
}

Decoded WebSocketDecoder::decode_close(std::string_view payload) {
  Decoded close;
  close.kind = Decoded::Kind::kClose;
  close.code = close_code::kNoCode;
  if (payload.empty()) return close;
  if (payload.size() == 1) {
    set_error(close_code::kProtocolError, "close frame with half a code");
    return error();
  }
  close.code = static_cast<std::uint16_t>(big_endian(payload.substr(0, 2)));
  close.payload = payload.substr(2);
  if (!is_wire_close_code(close.code)) {
    set_error(close_code::kProtocolError, "bad close code");
    return error();
  }
  if (!is_utf8(close.payload)) {
    set_error(close_code::kNotUtf8, "close reason is not UTF-8");
    return error();
  }
  return close;
}

Decoded WebSocketDecoder::next_control(std::span<char>& input, const Header& header) {
  const std::span<char> bytes = input.subspan(header.bytes, header.length);
  input = input.subspan(header.bytes + header.length);
  if (role_ == Role::kServer) apply_mask(bytes, header.mask);
  const std::string_view payload(bytes.data(), bytes.size());
  if (header.opcode == Opcode::kClose) {
    is_over_ = true;
    return decode_close(payload);
  }
  const bool is_ping = header.opcode == Opcode::kPing;
  return {.kind = is_ping ? Decoded::Kind::kPing : Decoded::Kind::kPong, .payload = payload};
}

Decoded WebSocketDecoder::inflate_message(std::string_view payload) {
  std::string inflated;
  switch (inflater_->inflate(payload, max_message_bytes_, inflated)) {
    case Inflater::Outcome::kOk:
      break;
    case Inflater::Outcome::kBadData:
      set_error(close_code::kNotUtf8, "bad compressed data");
      return error();
    case Inflater::Outcome::kTooBig:
      set_error(close_code::kTooBig, "message too big");
      return error();
  }
  if (message_ == Opcode::kText && !is_utf8(inflated)) {
    set_error(close_code::kNotUtf8, "text is not UTF-8");
    return error();
  }
  joined_ = std::make_unique<std::string>(std::move(inflated));
  joined_->reserve(joined_->size() + kPadding);
  is_joined_delivered_ = true;
  return {.kind = Decoded::Kind::kMessage,
          .message = static_cast<MessageKind>(message_),
          .payload = *joined_};
}

Decoded WebSocketDecoder::finish_message(std::string_view payload) {
  is_in_message_ = false;
  if (is_compressed_) return inflate_message(payload);
  if (message_ == Opcode::kText && !utf8_.is_complete()) {
    set_error(close_code::kNotUtf8, "text is not UTF-8");
    return error();
  }
  return {.kind = Decoded::Kind::kMessage,
          .message = static_cast<MessageKind>(message_),
          .payload = payload};
}

Decoded WebSocketDecoder::whole_message(std::span<char>& input, const Header& header) {
  const std::span<char> bytes = input.subspan(header.bytes, header.length);
  input = input.subspan(header.bytes + header.length);
  if (role_ == Role::kServer) apply_mask(bytes, header.mask);
  const std::string_view payload(bytes.data(), bytes.size());
  message_ = header.opcode;
  is_compressed_ = header.is_compressed;
  utf8_.reset();
  if (message_ == Opcode::kText && !is_compressed_ && !utf8_.feed(payload)) {
    set_error(close_code::kNotUtf8, "text is not UTF-8");
    return error();
  }
  return finish_message(payload);
}

void WebSocketDecoder::begin_frame(const Header& header) {
  if (header.opcode != Opcode::kContinuation) {
    message_ = header.opcode;
    is_compressed_ = header.is_compressed;
    utf8_.reset();
  }
  is_in_message_ = true;
  is_in_frame_ = true;
  is_final_frame_ = header.is_final;
  frame_left_ = header.length;
  mask_ = header.mask;
  mask_offset_ = 0;
  const std::uint64_t soon = std::min(header.length, kReserveAtOnce);
  // Frame after frame, memory at least doubles: many small fragments must not cost a copy each.
  if (!joined_) joined_ = std::make_unique<std::string>();
  const std::size_t wanted = joined_->size() + soon + kPadding;
  if (wanted > joined_->capacity()) joined_->reserve(std::max(wanted, 2 * joined_->size()));
}

bool WebSocketDecoder::take_part(std::span<char>& input) {
  const std::size_t length = std::min<std::uint64_t>(frame_left_, input.size());
  const std::span<char> bytes = input.first(length);
  input = input.subspan(length);
  if (role_ == Role::kServer) apply_mask(bytes, mask_, mask_offset_);
  mask_offset_ = static_cast<std::uint8_t>((mask_offset_ + length) % 4);
  frame_left_ -= length;
  const std::string_view part(bytes.data(), bytes.size());
  if (message_ == Opcode::kText && !is_compressed_ && !utf8_.feed(part)) {
    return set_error(close_code::kNotUtf8, "text is not UTF-8");
  }
  joined_->append(part);
  return true;
}

Decoded WebSocketDecoder::next(std::span<char>& input) {
  release();
  for (;;) {
    if (is_over_) {
      input = {};
      return {};
    }
    if (!is_in_frame_) {
      Header header;
      const Parsed parsed = parse_header({input.data(), input.size()}, header);
      if (parsed == Parsed::kError) return error();
      if (parsed == Parsed::kNeedMore) return {};
      const bool is_whole = input.size() - header.bytes >= header.length;
      if (is_control(header.opcode)) {
        if (!is_whole) return {};
        return next_control(input, header);
      }
      const bool is_alone = header.is_final && header.opcode != Opcode::kContinuation;
      if (is_whole && is_alone) return whole_message(input, header);
      input = input.subspan(header.bytes);
      begin_frame(header);
    }
    if (!take_part(input)) return error();
    if (frame_left_ > 0) return {};
    is_in_frame_ = false;
    if (is_final_frame_) {
      is_joined_delivered_ = true;
      joined_->reserve(joined_->size() + kPadding);
      return finish_message(*joined_);
    }
  }
}

}  // namespace fairlead::net
