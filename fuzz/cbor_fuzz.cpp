// Any bytes as CBOR. What must hold: no crash; what is taken becomes JSON that the reader takes,
// and from then on both encodings turn into each other unchanged.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "protocol/cbor.h"
#include "protocol/json_reader.h"
#include "protocol/parse.h"

namespace {

using namespace fairlead;
using namespace fairlead::protocol;

void check_round_trip(std::string_view cbor) {
  std::string json;
  if (!cbor_to_json(cbor, json)) return;
  JsonReader reader;
  FAIRLEAD_ASSERT(reader.read_copy(json).has_value());
  std::string canonical;
  json_to_cbor(reader.document(), canonical);
  std::string back;
  const auto transcoded = cbor_to_json(canonical, back);
  FAIRLEAD_ASSERT(transcoded.has_value());
  std::string again;
  CborEncoder().encode(back, again);
  FAIRLEAD_ASSERT(again == canonical);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_round_trip(input);
  static Parser parser;
  static_cast<void>(parser.parse(Codec::kCbor, input));
  return 0;
}
