#include "protocol/capabilities.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "protocol/limits.h"
#include "protocol/problems.h"

namespace fairlead::protocol {
namespace {

template <typename Entries>
auto find_by_name(const Entries& entries, std::string_view name) -> decltype(entries.data()) {
  const auto name_of = [](const auto& entry) { return std::string_view(entry.name); };
  const auto found = std::ranges::lower_bound(entries, name, {}, name_of);
  return found != entries.end() && found->name == name ? &*found : nullptr;
}

}  // namespace

const Capabilities::Metric* Capabilities::find_metric(std::string_view name) const {
  return find_by_name(metrics_, name);
}

const Capabilities::Command* Capabilities::find_command(std::string_view name) const {
  return find_by_name(commands_, name);
}

bool Capabilities::has_type(const Metric& declared, const MetricView& metric) {
  switch (declared.type) {
    case MetricType::kNumber:
      return metric.kind == ValueKind::kNumber;
    case MetricType::kInteger:
      return metric.kind == ValueKind::kNumber && std::trunc(metric.number) == metric.number;
    case MetricType::kBoolean:
      return metric.kind == ValueKind::kBoolean;
    case MetricType::kString:
      return metric.kind == ValueKind::kString;
  }
  return false;
}

bool Capabilities::is_choice(const Metric& declared, const MetricView& metric) {
  return std::ranges::any_of(declared.choices, [&](const Choice& choice) {
    return metric.kind == ValueKind::kNumber ? choice.number == metric.number
                                             : choice.text == metric.text;
  });
}

std::optional<std::string> Capabilities::problem_of(const Metric& declared,
                                                    const MetricView& metric) {
  if (!has_type(declared, metric)) {
    switch (declared.type) {
      case MetricType::kNumber:
        return "must be a number, as declared";
      case MetricType::kInteger:
        return "must be an integer, as declared";
      case MetricType::kBoolean:
        return "must be a boolean, as declared";
      case MetricType::kString:
        return "must be a string, as declared";
    }
  }
  if (declared.maximum && metric.number > *declared.maximum) {
    return fmt::format("above the declared maximum {}", *declared.maximum);
  }
  if (declared.minimum && metric.number < *declared.minimum) {
    return fmt::format("below the declared minimum {}", *declared.minimum);
  }
  if (declared.max_length && metric.text.size() > *declared.max_length &&
      count_characters(metric.text) > *declared.max_length) {
    return fmt::format("longer than the declared {} characters", *declared.max_length);
  }
  if (!declared.choices.empty() && !is_choice(declared, metric)) {
    return "is not one of the declared values";
  }
  return std::nullopt;
}

std::vector<FieldProblem> Capabilities::check(std::span<const MetricView> metrics,
                                              std::string_view prefix) const {
  std::vector<FieldProblem> problems;
  const auto add = [&](std::string_view name, std::string problem) {
    if (problems.size() >= kMaxProblems) return;
    problems.push_back({fmt::format("{}metrics.{}", prefix, name), std::move(problem)});
  };
  std::size_t required_seen = 0;
  for (const MetricView& metric : metrics) {
    const Metric* const declared = find_metric(metric.name);
    if (declared == nullptr) {
      if (!additional_) add(metric.name, "is not declared");
      continue;
    }
    required_seen += declared->required ? 1 : 0;
    if (auto problem = problem_of(*declared, metric)) add(metric.name, std::move(*problem));
  }
  if (required_seen == required_count_) return problems;
  for (const Metric& declared : metrics_) {
    const bool is_there =
        std::ranges::find(metrics, declared.name, &MetricView::name) != metrics.end();
    if (declared.required && !is_there) add(declared.name, "is required");
  }
  return problems;
}

bool Capabilities::takes(std::string_view command) const {
  return !declares_commands_ || find_command(command) != nullptr;
}

std::string_view Capabilities::params_schema(std::string_view command) const {
  const Command* const declared = find_command(command);
  return declared == nullptr ? std::string_view() : std::string_view(declared->params_schema);
}

}  // namespace fairlead::protocol
