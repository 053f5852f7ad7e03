#include "commands/results.h"

#include <optional>

#include "commands/json_value.h"
#include "protocol/json_writer.h"

namespace fairlead::commands {
namespace {

State state_of(const protocol::CommandResult& request) {
  return request.executed ? State::kExecuted : State::kFailed;
}

/// `request` as the late result that it would be, had it come at the time of `late_result`.
std::optional<std::string> as_of(const std::string& late_result,
                                 const protocol::CommandResult& request) {
  const auto late = JsonValue::parse(late_result);
  const JsonValue* at = late ? late->member("at") : nullptr;
  const auto time = at != nullptr ? at->number().as_count() : std::nullopt;
  if (!time) return std::nullopt;
  return late_result_json(request, static_cast<std::int64_t>(*time));
}

Verdict equal_if(bool is_equal) { return is_equal ? Verdict::kEqual : Verdict::kConflict; }

}  // namespace

Verdict judge(const Progress& progress, const protocol::CommandResult& request) {
  const Outcome nothing;
  const Outcome& outcome = progress.outcome ? *progress.outcome : nothing;
  if (progress.state == State::kExpired || progress.state == State::kCancelled) {
    if (!outcome.late_result) return Verdict::kLate;
    const auto as_late = as_of(*outcome.late_result, request);
    return equal_if(as_late && is_same_json(outcome.late_result, as_late));
  }
  return equal_if(progress.state == state_of(request) &&
                  is_same_json(outcome.result, request.result) &&
                  is_same_json(outcome.error, request.error));
}

std::string late_result_json(const protocol::CommandResult& request, std::int64_t at) {
  std::string json;
  protocol::JsonWriter writer(json);
  writer.begin_object();
  writer.member("status", name_of(state_of(request)));
  writer.raw_member("result", request.result.value_or("null"));
  writer.raw_member("error", request.error.value_or("null"));
  writer.member("at", at);
  writer.end_object();
  return json;
}

std::string error_json(std::string_view code, std::string_view message) {
  std::string json;
  protocol::JsonWriter writer(json);
  writer.begin_object();
  writer.member("code", code);
  writer.member("message", message);
  writer.end_object();
  return json;
}

}  // namespace fairlead::commands
