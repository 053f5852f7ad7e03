#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/requests.h"

namespace fairlead::protocol {

/// What a device declared of itself, compiled. A value; cheap to move. The default declares
/// nothing: any metric, any command.
class Capabilities {
 public:
  /// `json`: the text of a JSON object. Problems are named from `capabilities.` on.
  static Result<Capabilities> parse(std::string_view json);

  /// All problems of one sample (bounded), each path behind `prefix` (such as `samples[1].`):
  /// wrong type, out of range, not in the enum, too long, undeclared, required and missing.
  std::vector<FieldProblem> check(std::span<const MetricView> metrics,
                                  std::string_view prefix) const;
  bool declares_metrics() const { return !metrics_.empty() || !additional_; }

  /// Whether the device takes a command of that name (any, when it declared no `commands`).
  bool takes(std::string_view command) const;
  /// The JSON Schema of a command's params as JSON text; empty when it declared none.
  std::string_view params_schema(std::string_view command) const;

 private:
  enum class MetricType : std::uint8_t { kNumber, kInteger, kBoolean, kString };
  struct Metric {
    std::string name;
    MetricType type = MetricType::kNumber;
    bool required = false;
    std::optional<double> minimum, maximum;
    std::optional<std::int64_t> max_length;
    /// JSON texts in canonical form (numbers as doubles).
    std::vector<std::string> choices;
  };
  struct Command {
    std::string name;
    std::string params_schema;
  };
  // Both sorted by name.
  std::vector<Metric> metrics_;
  std::vector<Command> commands_;
  bool additional_ = true;
  bool declares_commands_ = false;
};

}  // namespace fairlead::protocol
