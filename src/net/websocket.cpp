#include "net/websocket.h"

#include <array>
#include <cstring>
#include <random>

#include "base/assert.h"

namespace fairlead::net {
namespace {

constexpr unsigned kFin = 0x80;
constexpr unsigned kRsv1 = 0x40;
constexpr unsigned kMasked = 0x80;
constexpr std::size_t kMaxHeader = 14;

void append_header(std::string& out, unsigned first, unsigned mask_bit, std::size_t length) {
  out.push_back(static_cast<char>(first));
  if (length < 126) {
    out.push_back(static_cast<char>(mask_bit | length));
    return;
  }
  const bool is_short = length <= 0xFFFF;
  out.push_back(static_cast<char>(mask_bit | (is_short ? 126U : 127U)));
  for (int shift = is_short ? 8 : 56; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>((length >> shift) & 0xFF));
  }
}

std::string bare_frame(unsigned first, std::string_view payload) {
  std::string frame;
  frame.reserve(payload.size() + kMaxHeader);
  append_header(frame, first, 0, payload.size());
  frame.append(payload);
  return frame;
}

}  // namespace

void apply_mask(std::span<char> bytes, std::uint32_t key, std::size_t offset) {
  std::array<char, 4> octets{};
  std::memcpy(octets.data(), &key, sizeof key);
  // Eight octets of key, turned so that the first belongs to `offset`; 8 is a multiple of 4, so the
  // same word fits every following eight bytes.
  std::array<char, 8> turned{};
  for (std::size_t i = 0; i < turned.size(); ++i) turned[i] = octets[(offset + i) % 4];
  std::uint64_t word_key = 0;
  std::memcpy(&word_key, turned.data(), sizeof word_key);
  std::size_t at = 0;
  for (; at + sizeof word_key <= bytes.size(); at += sizeof word_key) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    word ^= word_key;
    std::memcpy(bytes.data() + at, &word, sizeof word);
  }
  for (std::size_t i = 0; at < bytes.size(); ++at, ++i) {
    bytes[at] = static_cast<char>(bytes[at] ^ turned[i]);
  }
}

std::string close_payload(std::uint16_t code, std::string_view reason) {
  if (code == close_code::kNoCode) return {};
  std::size_t length = reason.size();
  if (length > kMaxCloseReasonBytes) {
    length = kMaxCloseReasonBytes;
    while (length > 0 && (static_cast<unsigned char>(reason[length]) & 0xC0U) == 0x80) --length;
  }
  std::string payload;
  payload.push_back(static_cast<char>(code >> 8));
  payload.push_back(static_cast<char>(code & 0xFF));
  payload.append(reason.substr(0, length));
  return payload;
}

std::string control_frame(Opcode opcode, std::string_view payload) {
  FAIRLEAD_ASSERT(payload.size() <= kMaxControlBytes);
  return bare_frame(kFin | static_cast<unsigned>(opcode), payload);
}

std::string compressed_frame(Opcode opcode, std::string_view payload) {
  return bare_frame(kFin | kRsv1 | static_cast<unsigned>(opcode), payload);
}

std::string masked_frame(Opcode opcode, std::string_view payload, std::uint32_t key,
                         bool is_compressed) {
  std::string frame;
  frame.reserve(payload.size() + kMaxHeader);
  const unsigned rsv = is_compressed ? kRsv1 : 0;
  append_header(frame, kFin | rsv | static_cast<unsigned>(opcode), kMasked, payload.size());
  std::array<char, 4> octets{};
  std::memcpy(octets.data(), &key, sizeof key);
  frame.append(octets.data(), octets.size());
  const std::size_t begin = frame.size();
  frame.append(payload);
  apply_mask(std::span(frame).subspan(begin), key);
  return frame;
}

MaskKeys::MaskKeys() : MaskKeys(0) {
  std::random_device device;
  state_ = (std::uint64_t{device()} << 32 | device()) | 1;
}

}  // namespace fairlead::net
