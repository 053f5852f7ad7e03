#pragma once

#include <string>
#include <string_view>

#include "base/frame.h"
#include "protocol/cbor.h"
#include "protocol/parse.h"

namespace fairlead::hub {

/// Turns messages, written as JSON, into frames of either codec. One per shard: keeps its buffers.
class Encoder {
 public:
  SharedFrame frame(protocol::Codec codec, std::string_view json) {
    if (codec == protocol::Codec::kJson) return make_frame(MessageKind::kText, json);
    bytes_.clear();
    cbor_.encode(json, bytes_);
    return make_frame(MessageKind::kBinary, bytes_);
  }

 private:
  protocol::CborEncoder cbor_;
  std::string bytes_;
};

}  // namespace fairlead::hub
