#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace fairlead::support {

/// The peer's own permessage-deflate (RFC 7692), straight on zlib, sharing no code with the server.
class Compressor {
 public:
  explicit Compressor(bool keeps_context, int window_bits = 15, int level = 6);
  ~Compressor();
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  /// The message without its last four octets (RFC 7692, 7.2.1).
  std::string compress(std::string_view message);

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
  bool keeps_context_;
};

/// Inflates with a window of exactly `window_bits`, octet by octet, so that a reference further
/// back than agreed is found out.
class Decompressor {
 public:
  Decompressor(bool keeps_context, int window_bits);
  /// As `agreed`, the server's Sec-WebSocket-Extensions, says.
  explicit Decompressor(std::string_view agreed);
  ~Decompressor();
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  /// Throws Failure for what is no deflate stream.
  std::string decompress(std::string_view compressed);

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
  bool keeps_context_;
};

}  // namespace fairlead::support
