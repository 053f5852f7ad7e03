// permessage-deflate (RFC 7692): what a stranger sends is inflated within its bound, however often
// and however bounded; what we deflate comes back whole, cut into fragments and octets, with every
// window, level and kind of context takeover.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "net/deflate.h"
#include "net/websocket.h"
#include "net/websocket_decoder.h"

namespace {

using namespace fairlead::net;

constexpr std::size_t kMaxMessageBytes = 64 * 1024;
/// How far the inflater may go over its bound before it notices.
constexpr std::size_t kOvershoot = 16 * 1024;
constexpr std::uint32_t kMaskKey = 0x3d217a37;

/// Takes choices off the front of the input, then messages.
class Source {
 public:
  explicit Source(std::string_view bytes) : bytes_(bytes) {}
  unsigned octet() { return static_cast<unsigned char>(take(1).append(1, '\0').front()); }
  bool is_empty() const { return bytes_.empty(); }
  /// Two octets say how long it is, the third how often it is repeated; so a small input makes
  /// messages above the size of a window.
  std::string message() {
    std::size_t length = octet();
    length |= octet() << 8U;
    const unsigned times = 1 + octet() % 16;
    const std::string once = take(length);
    std::string all;
    for (unsigned i = 0; i < times && all.size() < kMaxMessageBytes; ++i) all += once;
    all.resize(std::min(all.size(), kMaxMessageBytes));
    return all;
  }

 private:
  std::string take(std::size_t length) {
    const std::string_view taken = bytes_.substr(0, length);
    bytes_.remove_prefix(taken.size());
    return std::string(taken);
  }
  std::string_view bytes_;
};

/// Any bytes as compressed messages. The bound decides only how far it comes.
void check_strangers(Source source) {
  const bool keeps_context = (source.octet() & 1U) != 0;
  const std::size_t bound = 1 + source.octet() * 64U;
  Inflater tight(keeps_context);
  Inflater wide(keeps_context);
  while (!source.is_empty()) {
    const std::string compressed = source.message();
    std::string few;
    std::string many;
    const Inflater::Outcome first = tight.inflate(compressed, bound, few);
    const Inflater::Outcome second = wide.inflate(compressed, kMaxMessageBytes, many);
    FAIRLEAD_ASSERT(few.size() <= bound + kOvershoot);
    FAIRLEAD_ASSERT(many.size() <= kMaxMessageBytes + kOvershoot);
    FAIRLEAD_ASSERT(many.starts_with(few));
    FAIRLEAD_ASSERT((first == Inflater::Outcome::kTooBig) == (few.size() > bound));
    FAIRLEAD_ASSERT(first == Inflater::Outcome::kTooBig || first == second);
    if (first != Inflater::Outcome::kOk) return;
    FAIRLEAD_ASSERT(few == many);
  }
}

/// As a client sends it, cut into `pieces` frames with a ping before each.
std::string fragmented(std::string_view compressed, std::size_t pieces) {
  const std::size_t step = compressed.size() / pieces + 1;
  std::string wire;
  for (std::size_t at = 0; at == 0 || at < compressed.size(); at += step) {
    wire += masked_frame(Opcode::kPing, {}, kMaskKey);
    const std::size_t begin = wire.size();
    const Opcode opcode = at == 0 ? Opcode::kBinary : Opcode::kContinuation;
    wire += masked_frame(opcode, compressed.substr(at, step), kMaskKey, at == 0);
    // Not the last: without FIN.
    if (at + step < compressed.size()) wire[begin] = static_cast<char>(wire[begin] & 0x7F);
  }
  return wire;
}

/// The data messages found when `wire` arrives in pieces of `step` octets.
std::vector<std::string> decode(WebSocketDecoder& decoder, std::string_view wire,
                                std::size_t step) {
  std::vector<std::string> found;
  std::string left;
  for (std::size_t at = 0; at < wire.size(); at += step) {
    left.append(wire.substr(at, step));
    const std::size_t length = left.size();
    left.append(WebSocketDecoder::kPadding, '\0');
    std::span<char> input(left.data(), length);
    for (;;) {
      const Decoded next = decoder.next(input);
      if (next.kind == Decoded::Kind::kNeedMore) break;
      FAIRLEAD_ASSERT(next.kind != Decoded::Kind::kError);
      if (next.kind == Decoded::Kind::kMessage) found.emplace_back(next.payload);
    }
    left = std::string(input.data(), input.size());
  }
  return found;
}

void check_round_trip(Source source) {
  const unsigned choices = source.octet();
  const bool keeps_context = (choices & 1U) != 0;
  const int bits = 9 + static_cast<int>(choices >> 1U) % 7;
  const int level = 1 + static_cast<int>(choices >> 4U) % 9;
  // A peer that could use the context may also be one that never does.
  const bool inflates_with_context = keeps_context || (source.octet() & 1U) != 0;
  const std::size_t pieces = 1 + source.octet() % 8;
  const std::size_t step = 1 + source.octet() * 16U;
  Deflater deflater(keeps_context, bits, level);
  Inflater inflater(inflates_with_context);
  WebSocketDecoder decoder(Role::kServer, 2 * kMaxMessageBytes);
  decoder.enable_deflate(std::make_unique<Inflater>(inflates_with_context));
  while (!source.is_empty()) {
    const std::string message = source.message();
    if (message.empty()) continue;
    const std::string compressed = deflater.deflate(message);
    std::string back;
    FAIRLEAD_ASSERT(inflater.inflate(compressed, message.size(), back) == Inflater::Outcome::kOk);
    FAIRLEAD_ASSERT(back == message);
    const std::vector<std::string> found = decode(decoder, fragmented(compressed, pieces), step);
    FAIRLEAD_ASSERT(found.size() == 1 && found.front() == message);
    // One octet less room is not enough.
    if (keeps_context) continue;
    std::string cut;
    FAIRLEAD_ASSERT(Inflater(false).inflate(compressed, message.size() - 1, cut) ==
                    Inflater::Outcome::kTooBig);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Source source(std::string_view(reinterpret_cast<const char*>(data), size));
  check_strangers(source);
  check_round_trip(source);
  return 0;
}
