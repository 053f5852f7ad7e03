// The answer of the server that `auth.jwks_url` names. What must hold: no crash, a body within its
// bound, an age that is one, and the same answer however the bytes are cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "net/fetch.h"

namespace {

using fairlead::net::Fetched;
using fairlead::net::FetchReader;

constexpr std::size_t kMaxBodyBytes = 300;

/// What was read up to the end of the connection; nothing where that is no answer.
std::optional<Fetched> run(std::string_view bytes, std::size_t piece) {
  FetchReader reader(kMaxBodyBytes);
  bool is_whole = false;
  for (std::size_t at = 0; at < bytes.size() && !is_whole; at += piece) {
    const auto taken = reader.take(bytes.substr(at, piece));
    if (!taken) {
      FAIRLEAD_ASSERT(!taken.error().message.empty());
      return std::nullopt;
    }
    is_whole = *taken;
  }
  const auto ended = reader.end();
  FAIRLEAD_ASSERT(ended || !is_whole);
  if (!ended) return std::nullopt;
  Fetched fetched = std::move(reader).result();
  FAIRLEAD_ASSERT(fetched.body.size() <= kMaxBodyBytes);
  FAIRLEAD_ASSERT(fetched.max_age_s.value_or(0) >= 0);
  return fetched;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  // The first octet chooses the size of the pieces.
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = run(bytes, std::max<std::size_t>(bytes.size(), 1));
  const auto cut = run(bytes, 1U + data[0]);
  FAIRLEAD_ASSERT(whole.has_value() == cut.has_value());
  if (!whole) return 0;
  FAIRLEAD_ASSERT(whole->body == cut->body);
  FAIRLEAD_ASSERT(whole->max_age_s == cut->max_age_s);
  return 0;
}
