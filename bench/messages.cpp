#include "bench/messages.h"

#include <fmt/format.h>

#include <array>
#include <iterator>

namespace fairlead::bench {
namespace {

/// What fits with the hub's bounds on a sample.
constexpr std::size_t kMaxSampleBytes = 32 * 1024;
constexpr std::size_t kSamplesInBatch = 4;
constexpr std::size_t kMaxTextBytes = 1000;
/// Of a metric around its text: comma, quotes, colon, name.
constexpr std::size_t kMaxMetricFrame = 12;
constexpr std::string_view kSampleEnd = "}}";

/// Metrics with text values until `into` has `until` bytes.
void append_metrics(std::string& into, std::size_t until) {
  for (int number = 0; into.size() < until; ++number) {
    fmt::format_to(std::back_inserter(into), R"({}"m{}":")", number == 0 ? "" : ",", number);
    // A rest too small for a metric of its own goes to this one.
    const std::size_t left = until - into.size() - 1;
    const bool is_last = left <= kMaxTextBytes + kMaxMetricFrame;
    into.append(is_last ? left : kMaxTextBytes, 'x');
    into += '"';
  }
}

}  // namespace

void write_telemetry(std::string& into, std::int64_t seq) {
  into.clear();
  fmt::format_to(std::back_inserter(into),
                 R"({{"type":"telemetry","id":{},"seq":{},"epoch":"b","metrics":)"
                 R"({{"temperature":{}.72,"pressure":1.913,"flow":21.48,"burner_on":true}}}})",
                 seq, seq, 40 + seq % 50);
}

void write_telemetry_of(std::string& into, std::int64_t seq, std::size_t bytes) {
  into.clear();
  // A batch has four samples, as no sample may have more metrics than about half of it.
  const bool is_batch = bytes > kMaxSampleBytes;
  const int samples = is_batch ? kSamplesInBatch : 1;
  into += is_batch ? R"({"type":"telemetry.batch","id":)" : R"({"type":"telemetry","id":)";
  fmt::format_to(std::back_inserter(into), "{}", seq);
  if (is_batch) into += R"(,"samples":[)";
  const std::string_view end = is_batch ? "]}" : "";
  for (int sample = 0; sample < samples; ++sample) {
    if (is_batch) into += sample == 0 ? "{" : ",{";
    if (!is_batch) into += ',';
    into += R"("metrics":{)";
    const bool is_last = sample + 1 == samples;
    const std::size_t until = is_last ? bytes - end.size() : bytes / kSamplesInBatch * (sample + 1);
    append_metrics(into, until - kSampleEnd.size());
    into += kSampleEnd;
  }
  into += end;
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
