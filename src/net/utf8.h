#pragma once

#include <cstdint>
#include <string_view>

namespace fairlead::net {

/// Checks UTF-8 (RFC 3629) piece by piece. Refuses at the first octet that cannot belong to valid
/// text, even when the sequence it stands in is not finished.
class Utf8Validator {
 public:
  /// Takes the next bytes; false once any octet so far was wrong.
  bool feed(std::string_view bytes);
  /// No sequence is left open: the text may end here.
  bool is_complete() const { return needed_ == 0; }
  void reset() { *this = Utf8Validator{}; }

 private:
  bool begin_sequence(std::uint8_t lead);

  /// Continuation octets still to come, and the range the next one must be in.
  std::uint8_t needed_ = 0;
  std::uint8_t low_ = 0x80;
  std::uint8_t high_ = 0xBF;
  bool is_broken_ = false;
};

/// Whether `text` is valid UTF-8 from end to end.
bool is_utf8(std::string_view text);

}  // namespace fairlead::net
