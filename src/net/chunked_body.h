#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fairlead::net {

/// A chunked body out of bytes (RFC 9112, 7.1), strict about everything that two readers could see
/// differently: sizes are hexadecimal digits alone, lines end with CRLF, and no control character
/// stands in an extension or a trailer. Both are read and forgotten, and bounded in all, so that a
/// small body cannot be a large stream.
class ChunkedBody {
 public:
  enum class Outcome : std::uint8_t { kNeedMore, kWhole, kBad, kTooBig };

  /// Takes bytes off the front of `input`, at most up to the body's end, and appends to `body`,
  /// which does not grow over `max_bytes`.
  Outcome take(std::string_view& input, std::size_t max_bytes, std::string& body);

 private:
  /// A chunk's line, or all trailers together: more is not waited for.
  static constexpr std::size_t kMaxLineBytes = 4096;
  /// What the lines of all chunks may have above kFreeLineBytes a chunk and the size of its data.
  static constexpr std::size_t kMaxExcessBytes = 16 * 1024;
  static constexpr std::size_t kFreeLineBytes = 16;
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
    kTrailerName,
    kTrailer,
    kTrailerEnd,
    kEnd,
    kWhole,
    kBad,
  };

  void step(char octet);
  State after_size(char octet);
  State end_size();
  State in_trailer_name(char octet) const;
  State in_text(State same, State end, char octet) const;

  std::uint64_t left_ = 0;
  std::size_t line_bytes_ = 0;
  std::size_t excess_bytes_ = 0;
  int digits_ = 0;
  State state_ = State::kSize;
};

}  // namespace fairlead::net
