#include "net/utf8.h"

#include <cstddef>
#include <cstring>

namespace fairlead::net {
namespace {

/// How many bytes from `begin` on are ASCII, in steps of a word; what is left is judged singly.
std::size_t ascii_words(std::string_view bytes, std::size_t begin) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080U;
  std::size_t at = begin;
  for (; at + 4 * sizeof(std::uint64_t) <= bytes.size(); at += 4 * sizeof(std::uint64_t)) {
    std::uint64_t words[4];
    std::memcpy(words, bytes.data() + at, sizeof words);
    if (((words[0] | words[1] | words[2] | words[3]) & kHighBits) != 0) break;
  }
  for (; at + sizeof(std::uint64_t) <= bytes.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    if ((word & kHighBits) != 0) break;
  }
  return at - begin;
}

}  // namespace

bool Utf8Validator::begin_sequence(std::uint8_t lead) {
  // RFC 3629, 4: the second octet's range is what keeps out overlong forms, surrogates and what
  // lies above U+10FFFF.
  low_ = 0x80;
  high_ = 0xBF;
  if (lead < 0xC2 || lead > 0xF4) return false;
  if (lead < 0xE0) {
    needed_ = 1;
  } else if (lead < 0xF0) {
    needed_ = 2;
    if (lead == 0xE0) low_ = 0xA0;
    if (lead == 0xED) high_ = 0x9F;
  } else {
    needed_ = 3;
    if (lead == 0xF0) low_ = 0x90;
    if (lead == 0xF4) high_ = 0x8F;
  }
  return true;
}

bool Utf8Validator::feed(std::string_view bytes) {
  if (is_broken_) return false;
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (needed_ == 0) {
      at += ascii_words(bytes, at);
      if (at == bytes.size()) break;
    }
    const auto octet = static_cast<std::uint8_t>(bytes[at++]);
    if (needed_ == 0) {
      if (octet >= 0x80 && !begin_sequence(octet)) is_broken_ = true;
    } else if (octet < low_ || octet > high_) {
      is_broken_ = true;
    } else {
      low_ = 0x80;
      high_ = 0xBF;
      --needed_;
    }
    if (is_broken_) return false;
  }
  return true;
}

bool is_utf8(std::string_view text) {
  Utf8Validator validator;
  return validator.feed(text) && validator.is_complete();
}

}  // namespace fairlead::net
