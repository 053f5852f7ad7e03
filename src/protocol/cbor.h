#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/document.h"
#include "protocol/json_reader.h"

namespace fairlead::protocol {

/// Appends one CBOR item (RFC 8949) as JSON text to `out`. Strict: fails with kBadMessage on what
/// JSON has not (byte strings, undefined, NaN and infinities, integers beyond 64 bits, names that
/// are no text, tags but 55799), on bad UTF-8, doubled names, depth over kMaxDepth, and on bytes
/// that are missing or left over. What a length in `in` promises is believed only as far as there
/// are bytes. After a failure `out` holds a part of the text.
Result<void> cbor_to_json(std::string_view in, std::string& out);

/// Appends a document as CBOR in the core deterministic encoding (RFC 8949, 4.2.1): shortest
/// lengths, integers and floats, names sorted. A number is an integer when its text is one.
void json_to_cbor(const Document& document, std::string& out);

/// Turns messages of the hub into CBOR; keeps its buffers. One per shard; not thread-safe.
class CborEncoder {
 public:
  CborEncoder();
  /// Appends. `json` is valid JSON text.
  void encode(std::string_view json, std::string& out);

 private:
  JsonReader reader_;
};

}  // namespace fairlead::protocol
