#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fairlead::net {

/// A chunked body out of bytes (RFC 9112, 7.1), strict about everything that two readers could see
/// differently: sizes are hexadecimal digits alone, lines end with CRLF, and no control character
/// stands in an extension or a trailer. Both are read and forgotten.
class ChunkedBody {
 public:
  enum class Outcome : std::uint8_t { kNeedMore, kWhole, kBad, kTooBig };

  /// Takes bytes off the front of `input`, at most up to the body's end, and appends to `body`,
  /// which does not grow over `max_bytes`.
  Outcome take(std::string_view& input, std::size_t max_bytes, std::string& body);

 private:
  /// A chunk's line, or all trailers together: more is not waited for.
  static constexpr std::size_t kMaxLineBytes = 4096;
  /// 16 digits fill 64 bits.
  static constexpr int kMaxDigits = 16;

  enum class State : std::uint8_t {
    kSize,
    kExtension,
    kSizeEnd,
    kData,
    kDataCr,
    kDataLf,
    kTrailerBegin,
    kTrailer,
    kTrailerEnd,
    kEnd,
    kWhole,
    kBad,
  };

  void step(char octet);
  State after_size(char octet);
  State begin_trailer(char octet) const;
  State in_text(State same, State end, char octet) const;

  std::uint64_t left_ = 0;
  std::size_t line_bytes_ = 0;
  int digits_ = 0;
  State state_ = State::kSize;
};

}  // namespace fairlead::net
