#pragma once

#include <cstddef>
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
  struct Command {
    std::string name;
    /// JSON text; empty: it declared none.
    std::string params_schema;
  };

  /// `json`: the text of a JSON object. Problems are named from `capabilities.` on.
  static Result<Capabilities> parse(std::string_view json);

  /// All problems of one sample (bounded), each path behind `prefix` (such as `samples[1].`):
  /// wrong type, out of range, not in the enum, too long, undeclared, required and missing.
  /// No metric is named twice, which the parser sees to. Allocates nothing when all is well.
  std::vector<FieldProblem> check(std::span<const MetricView> metrics,
                                  std::string_view prefix) const;
  bool declares_metrics() const { return !metrics_.empty() || !additional_; }

  /// Whether the device takes a command of that name (any, when it declared no `commands`).
  bool takes(std::string_view command) const;
  /// By name.
  std::span<const Command> commands() const { return commands_; }
  /// The JSON Schema of a command's params as JSON text; empty when it declared none.
  std::string_view params_schema(std::string_view command) const;

 private:
  class Reader;

  enum class MetricType : std::uint8_t { kNumber, kInteger, kBoolean, kString };
  /// A value of an enum: numbers are equal by value, all else by text.
  struct Choice {
    double number = 0;
    std::string text;
  };
  struct Metric {
    std::string name;
    MetricType type = MetricType::kNumber;
    bool required = false;
    std::optional<double> minimum{};
    std::optional<double> maximum{};
    std::optional<std::size_t> max_length{};
    /// Empty: any value.
    std::vector<Choice> choices{};
  };
  const Metric* find_metric(std::string_view name) const;
  const Command* find_command(std::string_view name) const;
  static std::optional<std::string> problem_of(const Metric& declared, const MetricView& metric);
  static bool has_type(const Metric& declared, const MetricView& metric);
  static bool is_choice(const Metric& declared, const MetricView& metric);

  // Both sorted by name.
  std::vector<Metric> metrics_;
  std::vector<Command> commands_;
  std::size_t required_count_ = 0;
  bool additional_ = true;
  bool declares_commands_ = false;
};

}  // namespace fairlead::protocol
