#include "support/compression.h"

#define ZLIB_CONST
#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "support/failure.h"

namespace fairlead::support {
namespace {

constexpr std::string_view kTail{"\x00\x00\xFF\xFF", 4};

const Bytef* as_input(std::string_view bytes) {
  return reinterpret_cast<const Bytef*>(bytes.data());
}

void require(bool holds, const char* what) {
  if (!holds) throw Failure(what);
}

int window_of(std::string_view agreed) {
  constexpr std::string_view kName = "server_max_window_bits=";
  const std::size_t at = agreed.find(kName);
  if (at == std::string_view::npos) return 15;
  int bits = 0;
  std::from_chars(agreed.data() + at + kName.size(), agreed.data() + agreed.size(), bits);
  return bits;
}

}  // namespace

struct Compressor::Stream {
  Stream(int window_bits, int level) {
    // zlib writes no raw stream with 2^8, but with 2^9 it reaches back 250 octets at most.
    require(deflateInit2(&zlib, level, Z_DEFLATED, -std::max(window_bits, 9), 8,
                         Z_DEFAULT_STRATEGY) == Z_OK,
            "deflateInit2");
  }
  ~Stream() { deflateEnd(&zlib); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  z_stream zlib{};
};

Compressor::Compressor(bool keeps_context, int window_bits, int level)
    : stream_(std::make_unique<Stream>(window_bits, level)), keeps_context_(keeps_context) {}
Compressor::~Compressor() = default;

std::string Compressor::compress(std::string_view message) {
  if (!keeps_context_) require(deflateReset(&stream_->zlib) == Z_OK, "deflateReset");
  std::string out(deflateBound(&stream_->zlib, message.size()) + 64, '\0');
  stream_->zlib.next_in = as_input(message);
  stream_->zlib.avail_in = static_cast<uInt>(message.size());
  stream_->zlib.next_out = reinterpret_cast<Bytef*>(out.data());
  stream_->zlib.avail_out = static_cast<uInt>(out.size());
  const int status = ::deflate(&stream_->zlib, Z_SYNC_FLUSH);
  // An empty message behind another is only the flush, which zlib does not repeat.
  require(status == Z_OK || status == Z_BUF_ERROR, "deflate");
  out.resize(out.size() - stream_->zlib.avail_out);
  if (out.empty()) return std::string(1, '\0');
  require(out.ends_with(kTail), "no flush");
  out.resize(out.size() - kTail.size());
  return out;
}

struct Decompressor::Stream {
  explicit Stream(int window_bits) {
    require(inflateInit2(&zlib, -window_bits) == Z_OK, "inflateInit2");
  }
  ~Stream() { inflateEnd(&zlib); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  z_stream zlib{};
};

Decompressor::Decompressor(bool keeps_context, int window_bits)
    : stream_(std::make_unique<Stream>(window_bits)), keeps_context_(keeps_context) {}
Decompressor::Decompressor(std::string_view agreed)
    : Decompressor(agreed.find("server_no_context_takeover") == std::string_view::npos,
                   window_of(agreed)) {}
Decompressor::~Decompressor() = default;

std::string Decompressor::decompress(std::string_view compressed) {
  if (!keeps_context_) require(inflateReset(&stream_->zlib) == Z_OK, "inflateReset");
  std::string input(compressed);
  input.append(kTail);
  std::string out;
  stream_->zlib.next_in = as_input(input);
  stream_->zlib.avail_in = static_cast<uInt>(input.size());
  // Room for one octet: zlib then looks back into its window, not into what it wrote just now.
  std::array<Bytef, 1> room{};
  do {
    stream_->zlib.next_out = room.data();
    stream_->zlib.avail_out = room.size();
    const int status = ::inflate(&stream_->zlib, Z_SYNC_FLUSH);
    require(status == Z_OK || status == Z_BUF_ERROR, "the server's message does not inflate");
    if (stream_->zlib.avail_out == 0) out += static_cast<char>(room[0]);
  } while (stream_->zlib.avail_out == 0);
  require(stream_->zlib.avail_in == 0, "the server's message goes on behind its end");
  return out;
}

}  // namespace fairlead::support
