#include "bench/messages.h"

#include <fmt/format.h>

#include <array>
#include <iterator>

namespace fairlead::bench {

void write_telemetry(std::string& into, std::int64_t seq) {
  into.clear();
  fmt::format_to(std::back_inserter(into),
                 R"({{"type":"telemetry","id":{},"seq":{},"epoch":"b","metrics":)"
                 R"({{"temperature":{}.72,"pressure":1.913,"flow":21.48,"burner_on":true}}}})",
                 seq, seq, 40 + seq % 50);
}

bool has_type(std::string_view message, std::string_view type) {
  static constexpr std::string_view kBegin = R"({"type":")";
  return message.starts_with(kBegin) && message.substr(kBegin.size()).starts_with(type);
}

void append_masked_frame(std::string& out, std::string_view payload) {
  static constexpr std::array<char, 4> kMask = {0x37, 0x5A, 0x21, 0x6D};
  out += '\x81';
  const std::size_t size = payload.size();
  if (size < 126) {
    out += static_cast<char>(0x80U | size);
  } else {
    const bool is_short = size <= 0xFFFF;
    out += is_short ? '\xFE' : '\xFF';
    for (int shift = is_short ? 8 : 56; shift >= 0; shift -= 8) {
      out += static_cast<char>((size >> shift) & 0xFF);
    }
  }
  out.append(kMask.data(), kMask.size());
  const std::size_t begin = out.size();
  out += payload;
  for (std::size_t i = 0; i < size; ++i) {
    out[begin + i] = static_cast<char>(out[begin + i] ^ kMask[i % kMask.size()]);
  }
}

}  // namespace fairlead::bench
