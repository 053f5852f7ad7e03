#include "net/deflate.h"

#include <array>
#include <cstddef>
#include <cstring>

// Asks zlib for pointers to constant input.
#define ZLIB_CONST
#include <zlib.h>

#include "base/assert.h"

namespace fairlead::net {
namespace {

/// What a sender leaves off the end of each message (RFC 7692, 7.2.1).
constexpr std::string_view kTail{"\x00\x00\xFF\xFF", 4};
constexpr std::size_t kChunk = 16 * 1024;
constexpr std::size_t kWindow = 32 * 1024;
constexpr int kMemoryLevel = 8;
/// zlib: set in data_type when inflate() stopped between two blocks.
constexpr int kBetweenBlocks = 128;

const Bytef* as_input(std::string_view bytes) {
  return static_cast<const Bytef*>(static_cast<const void*>(bytes.data()));
}

Bytef* as_output(std::array<char, kChunk>& chunk) {
  return static_cast<Bytef*>(static_cast<void*>(chunk.data()));
}

}  // namespace

void Inflater::End::operator()(z_stream_s* stream) const {
  inflateEnd(stream);
  std::default_delete<z_stream_s>()(stream);
}

void Deflater::End::operator()(z_stream_s* stream) const {
  deflateEnd(stream);
  std::default_delete<z_stream_s>()(stream);
}

Inflater::Inflater(bool keeps_context) : keeps_context_(keeps_context) {}
Inflater::~Inflater() = default;

bool Inflater::restart() {
  // A block with BFINAL ends zlib's stream but not ours (RFC 7692, 7.2.3.4): begin anew, with the
  // window as it was.
  std::array<Bytef, kWindow> window{};
  uInt length = 0;
  return inflateGetDictionary(stream_.get(), window.data(), &length) == Z_OK &&
         inflateReset(stream_.get()) == Z_OK &&
         inflateSetDictionary(stream_.get(), window.data(), length) == Z_OK;
}

Inflater::Outcome Inflater::feed(std::string_view bytes, std::size_t max_bytes, std::string& out) {
  stream_->next_in = as_input(bytes);
  stream_->avail_in = static_cast<uInt>(bytes.size());
  std::array<char, kChunk> chunk;
  for (;;) {
    stream_->next_out = as_output(chunk);
    stream_->avail_out = static_cast<uInt>(chunk.size());
    const int status = ::inflate(stream_.get(), Z_SYNC_FLUSH);
    out.append(chunk.data(), chunk.size() - stream_->avail_out);
    if (out.size() > max_bytes) return Outcome::kTooBig;
    has_ended_ = status == Z_STREAM_END;
    if (has_ended_) {
      if (!restart()) return Outcome::kBadData;
      if (stream_->avail_in == 0) return Outcome::kOk;
      continue;
    }
    if (status != Z_OK && status != Z_BUF_ERROR) return Outcome::kBadData;
    if (stream_->avail_out > 0) {
      return stream_->avail_in == 0 ? Outcome::kOk : Outcome::kBadData;
    }
  }
}

Inflater::Outcome Inflater::inflate(std::string_view compressed, std::size_t max_bytes,
                                    std::string& out) {
  if (!stream_) {
    auto fresh = std::make_unique<z_stream_s>();
    // The largest window reads what was written with any smaller one.
    FAIRLEAD_ASSERT(inflateInit2(fresh.get(), -MAX_WBITS) == Z_OK);
    stream_.reset(fresh.release());
  }
  Outcome outcome = feed(compressed, max_bytes, out);
  if (outcome == Outcome::kOk && !has_ended_) {
    outcome = feed(kTail, max_bytes, out);
    // Not between two blocks: the message was cut short.
    if (outcome == Outcome::kOk && (stream_->data_type & kBetweenBlocks) == 0) {
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
  if (!stream_) {
    auto fresh = std::make_unique<z_stream_s>();
    FAIRLEAD_ASSERT(deflateInit2(fresh.get(), level_, Z_DEFLATED, -window_bits_, kMemoryLevel,
                                 Z_DEFAULT_STRATEGY) == Z_OK);
    stream_.reset(fresh.release());
  }
  std::string out;
  stream_->next_in = as_input(message);
  stream_->avail_in = static_cast<uInt>(message.size());
  std::array<char, kChunk> chunk;
  do {
    stream_->next_out = as_output(chunk);
    stream_->avail_out = static_cast<uInt>(chunk.size());
    const int status = ::deflate(stream_.get(), Z_SYNC_FLUSH);
    FAIRLEAD_ASSERT(status == Z_OK || status == Z_BUF_ERROR);
    out.append(chunk.data(), chunk.size() - stream_->avail_out);
  } while (stream_->avail_out == 0);
  FAIRLEAD_ASSERT(out.ends_with(kTail));
  out.resize(out.size() - kTail.size());
  if (!keeps_context_) stream_.reset();
  return out;
}

}  // namespace fairlead::net
