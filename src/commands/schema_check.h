#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "commands/json_value.h"
#include "commands/schema.h"
#include "protocol/problems.h"

namespace fairlead::commands {

/// Holds one value against a schema. Depth and work are bounded, whatever the schema says. For one
/// use.
class SchemaCheck {
 public:
  /// Problems are named from `path` on.
  explicit SchemaCheck(std::string path) : path_(std::move(path)) {}

  /// kInvalid with all problems, or with one when it took too much work to tell.
  Result<void> run(const Schema& schema, const JsonValue& value);

 private:
  bool fits(const SchemaNode& node, const JsonValue& value);
  /// As fits(), but no problem is written down.
  bool fits_quietly(const SchemaNode& node, const JsonValue& value);
  bool fits_below(const std::string& step, const SchemaNode& node, const JsonValue& value);
  bool fits_type(const SchemaNode& node, const JsonValue& value);

  bool check(const NumberRule& rule, const JsonValue& value);
  bool check(const CountRule& rule, const JsonValue& value);
  bool check(const PatternRule& rule, const JsonValue& value);
  bool check(const ValuesRule& rule, const JsonValue& value);
  bool check(const ItemsRule& rule, const JsonValue& value);
  bool check(const UniqueRule& rule, const JsonValue& value);
  bool check(const ContainsRule& rule, const JsonValue& value);
  bool check(const RequiredRule& rule, const JsonValue& value);
  bool check(const MembersRule& rule, const JsonValue& value);
  bool check(const NamesRule& rule, const JsonValue& value);
  bool check(const DependencyRule& rule, const JsonValue& value);
  bool check(const ConditionRule& rule, const JsonValue& value);
  bool check(const CombinationRule& rule, const JsonValue& value);
  bool check(const NotRule& rule, const JsonValue& value);
  bool check(const ReferenceRule& rule, const JsonValue& value);

  bool matches(const re2::RE2& pattern, const std::string& text);
  bool fits_member(const MembersRule& rule, const std::string& name, const JsonValue& value);
  /// Always false, for `return refuse(…)`.
  bool refuse(std::string problem);
  bool refuse_member(std::string_view name, std::string problem);
  /// Counts work; false when the budget is used up: then everything ends.
  bool spend(std::size_t steps);

  std::string path_;
  protocol::Problems problems_;
  std::size_t quiet_ = 0;
  std::size_t depth_ = 0;
  std::size_t steps_ = 0;
  bool is_exhausted_ = false;
};

}  // namespace fairlead::commands
