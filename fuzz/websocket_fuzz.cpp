// The WebSocket decoder of both roles, with and without permessage-deflate. What must hold: no
// crash, the bounds that its header promises, and the same outcome however the bytes are cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "net/deflate.h"
#include "net/utf8.h"
#include "net/websocket_decoder.h"

namespace {

using namespace fairlead::net;

constexpr std::size_t kMaxMessageBytes = 4096;

std::unique_ptr<WebSocketDecoder> make_decoder(unsigned choices) {
  const Role role = (choices & 1U) != 0 ? Role::kClient : Role::kServer;
  auto decoder = std::make_unique<WebSocketDecoder>(role, kMaxMessageBytes);
  if ((choices & 2U) != 0) decoder->enable_deflate(std::make_unique<Inflater>((choices & 4U) != 0));
  return decoder;
}

/// What was found, written so that two runs can be compared.
std::string run(std::string_view bytes, unsigned choices, std::size_t piece) {
  const auto decoder = make_decoder(choices);
  std::string found;
  std::string left;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const std::string_view next_bytes = bytes.substr(at, piece);
    // A buffer of exactly the promised size, so that the sanitizer sees a byte too far.
    const std::size_t length = left.size() + next_bytes.size();
    const auto buffer = std::make_unique<char[]>(length + WebSocketDecoder::kPadding);
    std::ranges::copy(left, buffer.get());
    std::ranges::copy(next_bytes, buffer.get() + left.size());
    std::span<char> input(buffer.get(), length);
    for (;;) {
      const Decoded next = decoder->next(input);
      if (next.kind == Decoded::Kind::kNeedMore) break;
      FAIRLEAD_ASSERT(next.payload.size() <= kMaxMessageBytes);
      const bool is_text =
          next.kind == Decoded::Kind::kMessage && next.message == fairlead::MessageKind::kText;
      FAIRLEAD_ASSERT(!is_text || is_utf8(next.payload));
      found += std::to_string(static_cast<int>(next.kind)) + std::to_string(next.code) + ":";
      found.append(next.payload);
    }
    FAIRLEAD_ASSERT(input.size() <= WebSocketDecoder::kMaxLeftover);
    left.assign(input.data(), input.size());
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  // The first octet chooses the decoder, the second the size of the pieces.
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string whole = run(bytes, data[0], std::max<std::size_t>(bytes.size(), 1));
  FAIRLEAD_ASSERT(run(bytes, data[0], 1U + data[1]) == whole);
  return 0;
}
