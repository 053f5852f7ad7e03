#include <simdjson.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "protocol/cbor.h"
#include "protocol/json_writer.h"

namespace fairlead::protocol {
namespace {

// RFC 8949, 3.1.
enum Major : unsigned {
  kUnsigned = 0,
  kNegative = 1,
  kBytes = 2,
  kText = 3,
  kArray = 4,
  kMap = 5,
  kTag = 6,
  kSimple = 7,
};
constexpr unsigned kIndefinite = 31;
constexpr char kBreak = '\xFF';
constexpr std::uint64_t kSelfDescribed = 55799;  // RFC 8949, 3.4.6: says only "this is CBOR"
constexpr std::size_t kFewMembers = 8;

struct Head {
  unsigned major = 0;
  unsigned info = 0;
  std::uint64_t argument = 0;
  bool is_indefinite() const { return info == kIndefinite; }
};

constexpr bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

// RFC 8949, appendix D.
double from_half(std::uint64_t bits) {
  const auto exponent = static_cast<int>((bits >> 10) & 0x1F);
  const auto mantissa = static_cast<double>(bits & 0x3FF);
  const double magnitude =
      exponent == 0    ? std::ldexp(mantissa, -24)
      : exponent != 31 ? std::ldexp(mantissa + 1024, exponent - 25)
                       : std::numeric_limits<double>::infinity();  // or NaN: neither is taken
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

class Transcoder {
 public:
  Transcoder(std::string_view in, std::string& out) : rest_(in), out_(out) {}

  Result<void> run() {
    if (read_item(1) && !rest_.empty()) refuse("something follows its end");
    if (why_.empty()) return {};
    return fail(Code::kBadMessage, "not valid CBOR: {}", why_);
  }

 private:
  struct Name {
    std::size_t begin;
    std::size_t length;
  };

  bool refuse(std::string_view why) {
    if (why_.empty()) why_ = why;
    return false;
  }

  bool read_head(Head& head) {
    if (rest_.empty()) return refuse("it ends too early");
    const unsigned first = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    head = {.major = first >> 5U, .info = first & 31U, .argument = first & 31U};
    if (head.info < 24 || head.is_indefinite()) return true;
    if (head.info > 27) return refuse("a reserved length");
    const std::size_t bytes = std::size_t{1} << (head.info - 24);
    if (rest_.size() < bytes) return refuse("it ends too early");
    head.argument = 0;
    for (const char byte : rest_.substr(0, bytes)) {
      head.argument = head.argument << 8U | static_cast<unsigned char>(byte);
    }
    rest_.remove_prefix(bytes);
    return true;
  }

  bool read_item(std::size_t depth) {
    Head head;
    do {
      if (!read_head(head)) return false;
      if (head.major == kTag && (head.is_indefinite() || head.argument != kSelfDescribed)) {
        return refuse("a tag that means something");
      }
    } while (head.major == kTag);
    switch (head.major) {
      case kUnsigned:
      case kNegative:
        return write_integer(head);
      case kText:
        return read_text(head);
      case kArray:
        return read_array(head, depth);
      case kMap:
        return read_map(head, depth);
      case kSimple:
        return read_simple(head);
      default:
        return refuse("a byte string");
    }
  }

  void append(std::uint64_t number) {
    std::array<char, 20> digits{};
    out_.append(digits.data(),
                std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
  }

  bool write_integer(const Head& head) {
    if (head.is_indefinite()) return refuse("a reserved length");
    if (head.major == kUnsigned) {
      append(head.argument);
    } else if (head.argument == std::numeric_limits<std::uint64_t>::max()) {
      out_ += "-18446744073709551616";
    } else {
      out_ += '-';
      append(head.argument + 1);
    }
    return true;
  }

  bool read_simple(const Head& head) {
    switch (head.info) {
      case 20:
        out_ += "false";
        return true;
      case 21:
        out_ += "true";
        return true;
      case 22:
        out_ += "null";
        return true;
      case 25:
        return write_double(from_half(head.argument));
      case 26:
        return write_double(std::bit_cast<float>(static_cast<std::uint32_t>(head.argument)));
      case 27:
        return write_double(std::bit_cast<double>(head.argument));
      default:
        return refuse("a simple value that is not true, false or null");
    }
  }

  // A float stays one: 5.0 is not written as 5.
  bool write_double(double number) {
    if (!std::isfinite(number)) return refuse("a number that is not finite");
    const std::size_t begin = out_.size();
    append_json_number(out_, number);
    if (out_.find_first_of(".e", begin) == std::string::npos) out_ += ".0";
    return true;
  }

  bool take_chunk(const Head& head, std::string_view& chunk) {
    if (head.argument > rest_.size()) return refuse("it ends too early");
    chunk = rest_.substr(0, static_cast<std::size_t>(head.argument));
    rest_.remove_prefix(chunk.size());
    // The library's check pays only for long texts; most are short and plain.
    if (std::ranges::all_of(chunk, is_ascii) || simdjson::validate_utf8(chunk)) return true;
    return refuse("not UTF-8");
  }

  bool at_break() {
    if (rest_.empty() || rest_.front() != kBreak) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool read_text(const Head& head) {
    std::string_view chunk;
    if (!head.is_indefinite()) {
      if (!take_chunk(head, chunk)) return false;
      append_json_string(out_, chunk);
      return true;
    }
    std::string whole;
    while (!at_break()) {
      Head part;
      if (!read_head(part)) return false;
      if (part.major != kText || part.is_indefinite()) return refuse("a text of other things");
      if (!take_chunk(part, chunk)) return false;
      whole += chunk;
    }
    append_json_string(out_, whole);
    return true;
  }

  bool enter(const Head& head, std::size_t depth, std::size_t bytes_each) {
    if (depth > kMaxDepth) return refuse("nested deeper than 64");
    if (!head.is_indefinite() && head.argument > rest_.size() / bytes_each) {
      return refuse("it promises more than it has");
    }
    return true;
  }

  bool read_array(const Head& head, std::size_t depth) {
    if (!enter(head, depth, 1)) return false;
    out_ += '[';
    for (std::uint64_t i = 0; !is_over(head, i); ++i) {
      if (i > 0) out_ += ',';
      if (!read_item(depth + 1)) return false;
    }
    out_ += ']';
    return true;
  }

  // Behind the last element; takes the break of an indefinite length.
  bool is_over(const Head& head, std::uint64_t index) {
    return head.is_indefinite() ? at_break() : index == head.argument;
  }

  bool read_map(const Head& head, std::size_t depth) {
    if (!enter(head, depth, 2)) return false;
    const std::size_t first_name = names_.size();
    out_ += '{';
    for (std::uint64_t i = 0; !is_over(head, i); ++i) {
      if (i > 0) out_ += ',';
      Head name;
      if (!read_head(name)) return false;
      if (name.major != kText) return refuse("a name that is no text");
      const std::size_t begin = out_.size();
      if (!read_text(name)) return false;
      names_.push_back({.begin = begin, .length = out_.size() - begin});
      out_ += ':';
      if (!read_item(depth + 1)) return false;
    }
    out_ += '}';
    if (has_doubles(first_name)) return refuse("a name is doubled");
    names_.resize(first_name);
    return true;
  }

  // Names of the innermost map stand behind `first`; equal ones are written equally.
  bool has_doubles(std::size_t first) {
    const auto text = [&](const Name& name) {
      return std::string_view(out_).substr(name.begin, name.length);
    };
    const auto begin = names_.begin() + static_cast<std::ptrdiff_t>(first);
    if (names_.size() - first <= kFewMembers) {
      for (auto name = begin; name != names_.end(); ++name) {
        const auto is_same = [&](const Name& other) { return text(other) == text(*name); };
        if (std::any_of(begin, name, is_same)) return true;
      }
      return false;
    }
    std::ranges::sort(begin, names_.end(), {}, text);
    return std::ranges::adjacent_find(begin, names_.end(), {}, text) != names_.end();
  }

  std::string_view rest_;
  std::string& out_;
  std::string why_;
  std::vector<Name> names_;
};

static_assert(kMaxDepth == 64, "a text above says so");

}  // namespace

Result<void> cbor_to_json(std::string_view in, std::string& out) {
  return Transcoder(in, out).run();
}

}  // namespace fairlead::protocol
