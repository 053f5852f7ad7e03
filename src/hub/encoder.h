#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/frame.h"
#include "protocol/cbor.h"
#include "protocol/parse.h"

namespace fairlead::hub {

/// A message in the words of one codec.
struct Encoded {
  MessageKind kind = MessageKind::kText;
  std::string_view bytes;
};

/// Turns messages, written as JSON, into either codec. One per shard: keeps its buffers, and the
/// memory of frames that have been sent.
class Encoder {
 public:
  /// Lasts until the next call, and as long as `json`.
  Encoded encode(protocol::Codec codec, std::string_view json) {
    if (codec == protocol::Codec::kJson) return {MessageKind::kText, json};
    bytes_.clear();
    cbor_.encode(json, bytes_);
    return {MessageKind::kBinary, bytes_};
  }

  /// For many connections.
  SharedFrame frame(protocol::Codec codec, std::string_view json) {
    FrameBuilder builder = begin_frame();
    add(builder, codec, json);
    return std::move(builder).finish();
  }
  /// For several messages in one frame.
  FrameBuilder begin_frame() { return FrameBuilder(frames_.get()); }
  void add(FrameBuilder& builder, protocol::Codec codec, std::string_view json) {
    const Encoded message = encode(codec, json);
    builder.add(message.kind, message.bytes);
  }

  /// An empty text to write one message in, before it is encoded.
  std::string& blank() {
    json_.clear();
    return json_;
  }

 private:
  protocol::CborEncoder cbor_;
  std::string json_;
  std::string bytes_;
  /// Shared with its frames, some of which may outlive the shard.
  std::shared_ptr<FramePool> frames_ = std::make_shared<FramePool>();
};

}  // namespace fairlead::hub
