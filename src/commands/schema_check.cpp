#include "commands/schema_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace fairlead::commands {
namespace {

using Kind = JsonValue::Kind;

/// Schemas within schemas on one way down. Params are nested 64 deep at most, and a level of them
/// takes a few schemas (a reference, a choice, a member).
constexpr std::size_t kMaxDepth = 256;
/// About one a schema and value that meet; tens of milliseconds at the very worst.
constexpr std::size_t kMaxSteps = 100'000;
/// A pattern takes at worst its size times that of the text; so much of this is one step.
constexpr std::size_t kMatchWorkPerStep = 1024;
/// Digits of a long number that are looked at in one step.
constexpr std::size_t kDigitsPerStep = 64;

std::string type_names(std::uint8_t types) {
  static constexpr std::pair<std::uint8_t, std::string_view> kNames[] = {
      {type_bit(Kind::kNull), "null"},       {type_bit(Kind::kBoolean), "a boolean"},
      {type_bit(Kind::kNumber), "a number"}, {kIntegerBit, "an integer"},
      {type_bit(Kind::kString), "a string"}, {type_bit(Kind::kArray), "an array"},
      {type_bit(Kind::kObject), "an object"}};
  std::string names;
  for (const auto& [bit, name] : kNames) {
    if ((types & bit) == 0) continue;
    if (!names.empty()) names += " or ";
    names += name;
  }
  return names;
}

std::size_t count_of(const JsonValue& value) {
  return value.is(Kind::kString) ? protocol::count_characters(value.text()) : value.items().size();
}

std::string_view unit_of(Kind counted) {
  return counted == Kind::kString ? "characters" : counted == Kind::kArray ? "items" : "members";
}

}  // namespace

Result<void> SchemaCheck::run(const Schema& schema, const JsonValue& value) {
  const bool is_good = fits(schema.root(), value);
  if (is_exhausted_) {
    return invalid_field(path_, "takes too much work to check against the declared schema");
  }
  if (is_good) return {};
  return std::unexpected(std::move(problems_).to_error());
}

bool SchemaCheck::fits(const SchemaNode& node, const JsonValue& value) {
  if (!spend(1)) return false;
  if (node.is_never) return refuse("is not declared");
  if (!fits_type(node, value)) return refuse("must be " + type_names(node.types));
  if (++depth_ > kMaxDepth) is_exhausted_ = true;
  bool is_good = true;
  for (const Rule& rule : node.rules) {
    if (is_exhausted_ || (!is_good && quiet_ > 0)) break;
    const bool fits_rule = std::visit([&](const auto& kind) { return check(kind, value); }, rule);
    is_good = fits_rule && is_good;
  }
  --depth_;
  return is_good;
}

bool SchemaCheck::fits_quietly(const SchemaNode& node, const JsonValue& value) {
  ++quiet_;
  const bool is_good = fits(node, value);
  --quiet_;
  return is_good;
}

bool SchemaCheck::fits_below(const std::string& step, const SchemaNode& node,
                             const JsonValue& value) {
  const std::size_t length = path_.size();
  path_ += step;
  const bool is_good = fits(node, value);
  path_.resize(length);
  return is_good;
}

bool SchemaCheck::fits_type(const SchemaNode& node, const JsonValue& value) {
  if (node.types == 0 || (node.types & type_bit(value.kind())) != 0) return true;
  return (node.types & kIntegerBit) != 0 && value.is(Kind::kNumber) && value.number().is_integer();
}

bool SchemaCheck::check(const NumberRule& rule, const JsonValue& value) {
  if (!value.is(Kind::kNumber)) return true;
  const Decimal& number = value.number();
  if (!spend(number.digit_count() / kDigitsPerStep)) return false;
  switch (rule.kind) {
    case NumberRule::Kind::kMinimum:
      return number >= rule.bound || refuse("below the declared minimum " + rule.bound.to_string());
    case NumberRule::Kind::kMaximum:
      return number <= rule.bound || refuse("above the declared maximum " + rule.bound.to_string());
    case NumberRule::Kind::kExclusiveMinimum:
      return number > rule.bound || refuse("must be above the declared " + rule.bound.to_string());
    case NumberRule::Kind::kExclusiveMaximum:
      return number < rule.bound || refuse("must be below the declared " + rule.bound.to_string());
    case NumberRule::Kind::kMultipleOf:
      return number.is_multiple_of(rule.bound) ||
             refuse("is not a multiple of " + rule.bound.to_string());
  }
  return true;
}

bool SchemaCheck::check(const CountRule& rule, const JsonValue& value) {
  if (!value.is(rule.counted)) return true;
  const std::size_t count = count_of(value);
  if (rule.is_most ? count <= rule.bound : count >= rule.bound) return true;
  return refuse(fmt::format("{} than the declared {} {}", rule.is_most ? "more" : "fewer",
                            rule.bound, unit_of(rule.counted)));
}

bool SchemaCheck::check(const PatternRule& rule, const JsonValue& value) {
  if (!value.is(Kind::kString) || matches(*rule.pattern, value.text())) return true;
  return refuse("does not match the declared pattern " +
                protocol::shortened(rule.pattern->pattern()));
}

bool SchemaCheck::matches(const re2::RE2& pattern, const std::string& text) {
  const std::size_t work = (text.size() + 1) * static_cast<std::size_t>(pattern.ProgramSize());
  return spend(1 + work / kMatchWorkPerStep) && re2::RE2::PartialMatch(text, pattern);
}

bool SchemaCheck::check(const ValuesRule& rule, const JsonValue& value) {
  if (!spend(rule.values.size() * value.size())) return false;
  if (std::find(rule.values.begin(), rule.values.end(), value) != rule.values.end()) return true;
  return refuse(rule.values.size() == 1 ? "is not the declared value"
                                        : "is not one of the declared values");
}

bool SchemaCheck::check(const ItemsRule& rule, const JsonValue& value) {
  if (!value.is(Kind::kArray)) return true;
  bool is_good = true;
  for (std::size_t i = 0; i < value.items().size(); ++i) {
    const SchemaNode* node = i < rule.first.size() ? rule.first[i] : rule.rest;
    if (node == nullptr) break;
    is_good = fits_below(fmt::format("[{}]", i), *node, value.items()[i]) && is_good;
    if (is_exhausted_ || (!is_good && quiet_ > 0)) break;
  }
  return is_good;
}

bool SchemaCheck::check(const UniqueRule& /*rule*/, const JsonValue& value) {
  if (!value.is(Kind::kArray)) return true;
  if (!spend(value.size())) return false;
  std::vector<std::string> texts;
  for (const JsonValue& item : value.items()) item.write_canonical(texts.emplace_back());
  std::sort(texts.begin(), texts.end());
  if (std::adjacent_find(texts.begin(), texts.end()) == texts.end()) return true;
  return refuse("holds an item twice");
}

bool SchemaCheck::check(const ContainsRule& rule, const JsonValue& value) {
  if (!value.is(Kind::kArray)) return true;
  for (const JsonValue& item : value.items()) {
    if (fits_quietly(*rule.item, item)) return true;
  }
  return refuse("has no item of the declared kind");
}

bool SchemaCheck::check(const RequiredRule& rule, const JsonValue& value) {
  if (!value.is(Kind::kObject)) return true;
  if (!spend(rule.names.size())) return false;
  bool is_good = true;
  for (const std::string& name : rule.names) {
    if (value.member(name) == nullptr) is_good = refuse_member(name, "is required");
  }
  return is_good;
}

bool SchemaCheck::check(const MembersRule& rule, const JsonValue& value) {
  if (!value.is(Kind::kObject)) return true;
  bool is_good = true;
  for (std::size_t i = 0; i < value.keys().size(); ++i) {
    is_good = fits_member(rule, value.keys()[i], value.items()[i]) && is_good;
    if (is_exhausted_ || (!is_good && quiet_ > 0)) break;
  }
  return is_good;
}

bool SchemaCheck::fits_member(const MembersRule& rule, const std::string& name,
                              const JsonValue& value) {
  const std::string step = "." + name;
  bool is_good = true;
  bool is_known = false;
  const auto named =
      std::lower_bound(rule.named.begin(), rule.named.end(), name,
                       [](const auto& a, const std::string& b) { return a.first < b; });
  if (named != rule.named.end() && named->first == name) {
    is_known = true;
    is_good = fits_below(step, *named->second, value);
  }
  for (const auto& [pattern, node] : rule.matching) {
    if (!matches(*pattern, name)) continue;
    is_known = true;
    is_good = fits_below(step, *node, value) && is_good;
  }
  if (is_known || rule.rest == nullptr) return is_good;
  return fits_below(step, *rule.rest, value);
}

bool SchemaCheck::check(const NamesRule& rule, const JsonValue& value) {
  if (!value.is(Kind::kObject)) return true;
  bool is_good = true;
  for (const std::string& name : value.keys()) {
    if (fits_quietly(*rule.name, JsonValue::of_text(name))) continue;
    is_good = refuse_member(name, "its name is not one that is declared");
    if (is_exhausted_) break;
  }
  return is_good;
}

bool SchemaCheck::check(const DependencyRule& rule, const JsonValue& value) {
  if (value.member(rule.member) == nullptr) return true;
  if (rule.schema != nullptr) return fits(*rule.schema, value);
  if (!spend(rule.names.size())) return false;
  bool is_good = true;
  for (const std::string& name : rule.names) {
    if (value.member(name) != nullptr) continue;
    is_good = refuse_member(name, "is required beside " + protocol::shortened(rule.member));
  }
  return is_good;
}

bool SchemaCheck::check(const ConditionRule& rule, const JsonValue& value) {
  const SchemaNode* node = fits_quietly(*rule.condition, value) ? rule.then : rule.otherwise;
  return node == nullptr || fits(*node, value);
}

bool SchemaCheck::check(const CombinationRule& rule, const JsonValue& value) {
  bool is_good = true;
  if (rule.kind == CombinationRule::Kind::kAllOf) {
    for (const SchemaNode* node : rule.of) is_good = fits(*node, value) && is_good;
    return is_good;
  }
  std::size_t fitting = 0;
  for (const SchemaNode* node : rule.of) fitting += fits_quietly(*node, value) ? 1 : 0;
  if (fitting == 0) return refuse("fits none of the declared alternatives");
  if (fitting == 1 || rule.kind == CombinationRule::Kind::kAnyOf) return true;
  return refuse("fits more than one of the declared alternatives");
}

bool SchemaCheck::check(const NotRule& rule, const JsonValue& value) {
  return !fits_quietly(*rule.schema, value) || refuse("is what is declared as not allowed");
}

bool SchemaCheck::check(const ReferenceRule& rule, const JsonValue& value) {
  return fits(*rule.target, value);
}

bool SchemaCheck::refuse(std::string problem) {
  if (quiet_ == 0) problems_.add(path_, std::move(problem));
  return false;
}

bool SchemaCheck::refuse_member(std::string_view name, std::string problem) {
  if (quiet_ == 0) problems_.add(fmt::format("{}.{}", path_, name), std::move(problem));
  return false;
}

bool SchemaCheck::spend(std::size_t steps) {
  steps_ += steps;
  if (steps_ > kMaxSteps) is_exhausted_ = true;
  return !is_exhausted_;
}

}  // namespace fairlead::commands
