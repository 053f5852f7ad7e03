#include "net/deflate.h"

#include <algorithm>
#include <array>
#include <cstddef>

// Asks zlib for pointers to constant input.
#define ZLIB_CONST
#include <zlib.h>

#include "base/assert.h"

namespace fairlead::net {
namespace {

/// What a sender leaves off the end of each message (RFC 7692, 7.2.1).
constexpr std::string_view kTail{"\x00\x00\xFF\xFF", 4};
constexpr std::size_t kChunk = 16 * 1024;
constexpr int kMemoryLevel = 8;
/// zlib writes no raw stream with a window of 2^8 octets, but with one of 2^9 it refers back at
/// most 2^9 - 262 = 250 of them (MAX_DIST in its deflate.h), which the smaller window holds.
constexpr int kLeastWindowBits = 9;
/// zlib: set in data_type when inflate() stopped between two blocks.
constexpr int kBetweenBlocks = 128;

const Bytef* as_input(std::string_view bytes) {
  return reinterpret_cast<const Bytef*>(bytes.data());
}

Bytef* as_output(std::array<char, kChunk>& chunk) { return reinterpret_cast<Bytef*>(chunk.data()); }

}  // namespace

/// zlib keeps a pointer to its z_stream: it must not move.
struct Inflater::Stream {
  Stream() {
    // The largest window reads what was written with any smaller one.
    FAIRLEAD_ASSERT(inflateInit2(&zlib, -MAX_WBITS) == Z_OK);
  }
  ~Stream() { inflateEnd(&zlib); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  z_stream zlib{};
};

struct Deflater::Stream {
  Stream(int level, int window_bits) {
    FAIRLEAD_ASSERT(deflateInit2(&zlib, level, Z_DEFLATED, -std::max(window_bits, kLeastWindowBits),
                                 kMemoryLevel, Z_DEFAULT_STRATEGY) == Z_OK);
  }
  ~Stream() { deflateEnd(&zlib); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  z_stream zlib{};
};

Inflater::Inflater(bool keeps_context) : keeps_context_(keeps_context) {}
Inflater::~Inflater() = default;

bool Inflater::restart() {
  // A block with BFINAL ends zlib's stream but not ours (RFC 7692, 7.2.3.4): begin anew, with the
  // window as it was. It must not be copied: a message may end its stream at every second octet.
  return inflateResetKeep(&stream_->zlib) == Z_OK;
}

Inflater::Outcome Inflater::feed(std::string_view bytes, std::size_t max_bytes, std::string& out) {
  stream_->zlib.next_in = as_input(bytes);
  stream_->zlib.avail_in = static_cast<uInt>(bytes.size());
  std::array<char, kChunk> chunk;
  for (;;) {
    stream_->zlib.next_out = as_output(chunk);
    stream_->zlib.avail_out = static_cast<uInt>(chunk.size());
    const int status = ::inflate(&stream_->zlib, Z_SYNC_FLUSH);
    out.append(chunk.data(), chunk.size() - stream_->zlib.avail_out);
    if (out.size() > max_bytes) return Outcome::kTooBig;
    has_ended_ = status == Z_STREAM_END;
    if (has_ended_) {
      if (!restart()) return Outcome::kBadData;
      if (stream_->zlib.avail_in == 0) return Outcome::kOk;
      continue;
    }
    if (status != Z_OK && status != Z_BUF_ERROR) return Outcome::kBadData;
    if (stream_->zlib.avail_out > 0) {
      return stream_->zlib.avail_in == 0 ? Outcome::kOk : Outcome::kBadData;
    }
  }
}

Inflater::Outcome Inflater::inflate(std::string_view compressed, std::size_t max_bytes,
                                    std::string& out) {
  if (!stream_) stream_ = std::make_unique<Stream>();
  Outcome outcome = feed(compressed, max_bytes, out);
  if (outcome == Outcome::kOk && !has_ended_) {
    outcome = feed(kTail, max_bytes, out);
    // Not between two blocks: the message was cut short.
    if (outcome == Outcome::kOk && (stream_->zlib.data_type & kBetweenBlocks) == 0) {
      outcome = Outcome::kBadData;
    }
  }
  // A stream of its own for each message costs less than 40 KB that an idle connection holds.
  if (!keeps_context_) stream_.reset();
  return outcome;
}

Deflater::Deflater(bool keeps_context, int window_bits, int level)
    : keeps_context_(keeps_context), window_bits_(window_bits), level_(level) {}
Deflater::~Deflater() = default;

std::string Deflater::deflate(std::string_view message) {
  FAIRLEAD_ASSERT(!message.empty());
  if (!stream_) stream_ = std::make_unique<Stream>(level_, window_bits_);
  if (!keeps_context_) FAIRLEAD_ASSERT(deflateReset(&stream_->zlib) == Z_OK);
  std::string out;
  stream_->zlib.next_in = as_input(message);
  stream_->zlib.avail_in = static_cast<uInt>(message.size());
  std::array<char, kChunk> chunk;
  do {
    stream_->zlib.next_out = as_output(chunk);
    stream_->zlib.avail_out = static_cast<uInt>(chunk.size());
    const int status = ::deflate(&stream_->zlib, Z_SYNC_FLUSH);
    FAIRLEAD_ASSERT(status == Z_OK || status == Z_BUF_ERROR);
    out.append(chunk.data(), chunk.size() - stream_->zlib.avail_out);
  } while (stream_->zlib.avail_out == 0);
  FAIRLEAD_ASSERT(out.ends_with(kTail));
  out.resize(out.size() - kTail.size());
  return out;
}

}  // namespace fairlead::net
