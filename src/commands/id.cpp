#include "commands/id.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/id.h"

namespace fairlead::commands {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t kIdLength = 28;
constexpr std::size_t kTimeBegin = 2;
constexpr std::size_t kTimeLength = 10;
constexpr std::size_t kHashLength = 4;

std::optional<std::uint64_t> decode(std::string_view text) {
  std::uint64_t bits = 0;
  for (const char c : text) {
    const std::size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 5 | digit;
  }
  return bits;
}

std::string id_at(std::int64_t time, Random& random, std::uint32_t home_hash) {
  std::string id = make_id('k', time, random);
  for (std::size_t i = 1; i <= kHashLength; ++i, home_hash >>= 5) {
    id[id.size() - i] = kAlphabet[home_hash & 31];
  }
  return id;
}

}  // namespace

std::string new_command_id(std::int64_t now_ms, Random& random, std::uint32_t home_hash,
                           std::string_view previous) {
  std::int64_t time = now_ms;
  if (home_hash_of(previous)) {
    const std::uint64_t last = decode(previous.substr(kTimeBegin, kTimeLength)).value_or(0);
    time = std::max(time, static_cast<std::int64_t>(last));
  }
  std::string id = id_at(time, random, home_hash);
  if (id <= previous) id = id_at(time + 1, random, home_hash);
  return id;
}

std::string first_id_at(char kind, std::int64_t ms) { return Ulid(ms, 0, 0).text(kind); }

std::optional<std::uint32_t> home_hash_of(std::string_view command_id) {
  if (command_id.size() != kIdLength || !command_id.starts_with("k-")) return std::nullopt;
  if (!decode(command_id.substr(kTimeBegin, kTimeLength))) return std::nullopt;
  if (!decode(command_id.substr(kTimeBegin + kTimeLength))) return std::nullopt;
  const auto hash = decode(command_id.substr(kIdLength - kHashLength));
  return static_cast<std::uint32_t>(hash.value_or(0));
}

}  // namespace fairlead::commands
