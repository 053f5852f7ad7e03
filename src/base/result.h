#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <expected>
#include <string>
#include <utility>
#include <vector>

namespace fairlead {

/// What went wrong, in the words of the wire. `protocol/codes.h` maps each to its wire name, HTTP
/// status and whether trying again helps.
enum class Code : std::uint8_t {
  kBadMessage,
  kUnknownType,
  kInvalid,
  kUnauthenticated,
  kForbidden,
  kNotFound,
  kConflict,
  kTooLarge,
  kRateLimited,
  kQueueFull,
  kDeviceOffline,
  kOverloaded,
  kInternal,
};

/// One member of a request that breaks a rule: `path` is as in `samples[1].metrics.temperature`.
struct FieldProblem {
  std::string path;
  std::string problem;

  friend bool operator==(const FieldProblem&, const FieldProblem&) = default;
};

/// An expected failure. `message` names the field, the value and the rule, for a person.
struct Error {
  Code code = Code::kInternal;
  std::string message{};
  std::vector<FieldProblem> fields{};
  /// For kTooLarge: the limit that was passed; 0 when none applies.
  std::int64_t limit = 0;
  /// For kRateLimited and kOverloaded: when trying again is worth it; 0 when none applies.
  std::int64_t retry_after_ms = 0;

  friend bool operator==(const Error&, const Error&) = default;
};

template <typename T>
using Result = std::expected<T, Error>;

/// `return fail(Code::kNotFound, "device {}: unknown", id);`
template <typename... Args>
[[nodiscard]] std::unexpected<Error> fail(Code code, fmt::format_string<Args...> format,
                                          Args&&... args) {
  return std::unexpected(
      Error{.code = code, .message = fmt::format(format, std::forward<Args>(args)...)});
}

/// An `invalid` that names one field: the message reads `<path>: <problem>`.
[[nodiscard]] inline std::unexpected<Error> invalid_field(std::string path, std::string problem) {
  Error error{.code = Code::kInvalid, .message = path + ": " + problem};
  error.fields.push_back({std::move(path), std::move(problem)});
  return std::unexpected(std::move(error));
}

}  // namespace fairlead
