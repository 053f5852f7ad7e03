#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "base/assert.h"
#include "protocol/cbor.h"

namespace fairlead::protocol {
namespace {

// What the hub writes may wrap what it was sent in a few levels more, and list many of them.
constexpr ReaderBounds kOwnMessages = {.depth = kMaxDepth + 16,
                                       .values = std::numeric_limits<std::uint32_t>::max()};

constexpr unsigned kUnsigned = 0, kNegative = 1, kText = 3, kArray = 4, kMap = 5, kSimple = 7;
constexpr unsigned kFalse = 20, kTrue = 21, kNull = 22, kHalf = 25, kSingle = 26, kDouble = 27;

// The half-precision float (IEEE 754) of exactly that value, if there is one.
std::optional<std::uint16_t> to_half(float number) {
  const auto bits = std::bit_cast<std::uint32_t>(number);
  const std::uint32_t sign = bits >> 16U & 0x8000U;
  const std::uint32_t mantissa = bits & 0x7FFFFFU;
  const int exponent = static_cast<int>(bits >> 23U & 0xFFU) - 127;
  if (number == 0) return static_cast<std::uint16_t>(sign);
  if (exponent >= -14 && exponent <= 15 && (mantissa & 0x1FFFU) == 0) {
    const auto biased = static_cast<std::uint32_t>(exponent + 15);
    return static_cast<std::uint16_t>(sign | biased << 10U | mantissa >> 13U);
  }
  if (exponent >= -24 && exponent < -14) {  // subnormal
    const auto shift = static_cast<unsigned>(-1 - exponent);
    const std::uint32_t whole = mantissa | 0x800000U;
    if ((whole & ((1U << shift) - 1)) == 0) {
      return static_cast<std::uint16_t>(sign | whole >> shift);
    }
  }
  return std::nullopt;
}

class Writer {
 public:
  Writer(const Document& document, std::string& out) : document_(document), out_(out) {}

  void write(const Node& node) {
    switch (node.kind) {
      case NodeKind::kNull:
        return write_head(kSimple, kNull);
      case NodeKind::kBoolean:
        return write_head(kSimple, node.boolean ? kTrue : kFalse);
      case NodeKind::kNumber:
        return write_number(node);
      case NodeKind::kString:
        return write_text(node.text);
      case NodeKind::kArray:
        write_head(kArray, node.children);
        for (const Node& child : document_.children(node)) write(child);
        return;
      case NodeKind::kObject:
        return write_map(node);
    }
  }

 private:
  void write_bytes(std::uint64_t value, unsigned count) {
    for (unsigned shift = count * 8; shift > 0;) {
      shift -= 8;
      out_ += static_cast<char>(value >> shift & 0xFFU);
    }
  }

  // The shortest of the five forms (RFC 8949, 3).
  void write_head(unsigned major, std::uint64_t argument) {
    const unsigned top = major << 5U;
    if (argument < 24) {
      out_ += static_cast<char>(top | argument);
      return;
    }
    const unsigned size_log2 = argument <= 0xFF         ? 0
                               : argument <= 0xFFFF     ? 1
                               : argument <= 0xFFFFFFFF ? 2
                                                        : 3;
    out_ += static_cast<char>(top | (24 + size_log2));
    write_bytes(argument, 1U << size_log2);
  }

  void write_text(std::string_view text) {
    write_head(kText, text.size());
    out_ += text;
  }

  void write_number(const Node& node) {
    const bool is_plain = node.text.find_first_of(".eE") == std::string_view::npos;
    if (!is_plain || !write_integer(node.text)) write_double(node.number);
  }

  // False for what has no integer in CBOR: beyond 64 bits, and -0.
  bool write_integer(std::string_view text) {
    const bool is_negative = text.starts_with('-');
    if (is_negative) text.remove_prefix(1);
    if (is_negative && text == "18446744073709551616") {
      write_head(kNegative, std::numeric_limits<std::uint64_t>::max());
      return true;
    }
    std::uint64_t magnitude = 0;
    const char* const end = text.data() + text.size();
    if (std::from_chars(text.data(), end, magnitude).ec != std::errc()) return false;
    if (is_negative && magnitude == 0) return false;
    write_head(is_negative ? kNegative : kUnsigned, is_negative ? magnitude - 1 : magnitude);
    return true;
  }

  void write_double(double number) {
    constexpr unsigned kTop = kSimple << 5U;
    const bool may_fit = std::abs(number) <= std::numeric_limits<float>::max();
    const float single = may_fit ? static_cast<float>(number) : 0;
    if (static_cast<double>(single) != number) {
      out_ += static_cast<char>(kTop | kDouble);
      write_bytes(std::bit_cast<std::uint64_t>(number), 8);
    } else if (const auto half = to_half(single)) {
      out_ += static_cast<char>(kTop | kHalf);
      write_bytes(*half, 2);
    } else {
      out_ += static_cast<char>(kTop | kSingle);
      write_bytes(std::bit_cast<std::uint32_t>(single), 4);
    }
  }

  // Sorted by the bytes of the encoded names (4.2.1): the length comes first in those.
  void write_map(const Node& node) {
    write_head(kMap, node.children);
    const std::size_t base = members_.size();
    for (const Node& child : document_.children(node)) members_.push_back(&child);
    const auto by_encoding = [](const Node* a, const Node* b) {
      return a->key.size() != b->key.size() ? a->key.size() < b->key.size() : a->key < b->key;
    };
    std::ranges::sort(std::span(members_).subspan(base), by_encoding);
    for (std::size_t i = base; i < base + node.children; ++i) {
      const Node& member = *members_[i];
      write_text(member.key);
      write(member);
    }
    members_.resize(base);
  }

  const Document& document_;
  std::string& out_;
  std::vector<const Node*> members_;
};

}  // namespace

void json_to_cbor(const Document& document, std::string& out) {
  Writer(document, out).write(document.root());
}

CborEncoder::CborEncoder() : reader_(kOwnMessages) {}

void CborEncoder::encode(std::string_view json, std::string& out) {
  const auto read = reader_.read_copy(json);
  FAIRLEAD_ASSERT(read.has_value());
  json_to_cbor(reader_.document(), out);
}

}  // namespace fairlead::protocol
