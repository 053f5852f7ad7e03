#include "commands/schema_compiler.h"

#include <fmt/format.h>

#include <array>

#include "protocol/problems.h"

namespace fairlead::commands {
namespace {

using Kind = JsonValue::Kind;

constexpr std::size_t kMaxNodes = 10'000;
constexpr std::size_t kMaxPatterns = 256;
/// Of one pattern's program and automata together.
constexpr std::int64_t kPatternBytes = 512 * 1024;
constexpr int kMaxPatternProgram = 5000;

constexpr std::array<std::pair<std::string_view, std::uint8_t>, 7> kTypes = {{
    {"null", type_bit(Kind::kNull)},
    {"boolean", type_bit(Kind::kBoolean)},
    {"number", type_bit(Kind::kNumber)},
    {"integer", kIntegerBit},
    {"string", type_bit(Kind::kString)},
    {"array", type_bit(Kind::kArray)},
    {"object", type_bit(Kind::kObject)},
}};

constexpr std::array<std::pair<std::string_view, NumberRule::Kind>, 5> kNumberRules = {{
    {"minimum", NumberRule::Kind::kMinimum},
    {"maximum", NumberRule::Kind::kMaximum},
    {"exclusiveMinimum", NumberRule::Kind::kExclusiveMinimum},
    {"exclusiveMaximum", NumberRule::Kind::kExclusiveMaximum},
    {"multipleOf", NumberRule::Kind::kMultipleOf},
}};

struct CountKeyword {
  std::string_view keyword;
  Kind counted;
  bool is_most;
};
constexpr std::array<CountKeyword, 6> kCountRules = {{
    {"maxLength", Kind::kString, true},
    {"minLength", Kind::kString, false},
    {"maxItems", Kind::kArray, true},
    {"minItems", Kind::kArray, false},
    {"maxProperties", Kind::kObject, true},
    {"minProperties", Kind::kObject, false},
}};

constexpr std::array<std::pair<std::string_view, CombinationRule::Kind>, 3> kCombinations = {{
    {"allOf", CombinationRule::Kind::kAllOf},
    {"anyOf", CombinationRule::Kind::kAnyOf},
    {"oneOf", CombinationRule::Kind::kOneOf},
}};

std::string_view name_of(Kind kind) {
  for (const auto& [name, bit] : kTypes) {
    if (bit == type_bit(kind)) return name;
  }
  return "value";
}

void append_member(std::string& path, std::string_view name) {
  if (!path.empty()) path += '.';
  path += protocol::shortened(name);
}

/// Where `wanted` stands in `tree`, behind `path`; false, and nothing appended, when it is not
/// there. As deep as JsonValue::parse lets a document be.
bool append_path(const JsonValue& tree, const JsonValue& wanted, std::string& path) {
  if (&tree == &wanted) return true;
  const std::size_t before = path.size();
  for (std::size_t i = 0; i < tree.items().size(); ++i) {
    if (tree.is(Kind::kObject)) {
      append_member(path, tree.keys()[i]);
    } else {
      path += fmt::format("[{}]", i);
    }
    if (append_path(tree.items()[i], wanted, path)) return true;
    path.resize(before);
  }
  return false;
}

}  // namespace

Result<Schema> Schema::compile(std::string_view json) {
  const auto document = JsonValue::parse(json);
  if (!document) return fail(Code::kInvalid, "it is not JSON");
  return SchemaCompiler(*document).run();
}

Result<Schema> SchemaCompiler::run() {
  node(document_);
  while (!open_.empty() && !problem_) {
    const Open next = open_.front();
    open_.pop_front();
    current_ = &next.source;
    fill(next);
  }
  if (!problem_) return std::move(schema_);
  return std::unexpected(Error{
      .code = Code::kInvalid, .message = problem_->problem, .fields = {*std::move(problem_)}});
}

const SchemaNode* SchemaCompiler::node(const JsonValue& source) {
  const auto [known, is_new] = known_.try_emplace(&source, nullptr);
  if (is_new) {
    if (schema_.nodes_.size() >= kMaxNodes) refuse("", "it has too many parts");
    schema_.nodes_.push_back(std::make_unique<SchemaNode>());
    known->second = schema_.nodes_.back().get();
    open_.push_back({source, *schema_.nodes_.back()});
  }
  return known->second;
}

const SchemaNode* SchemaCompiler::node_of(const JsonValue& schema, std::string_view keyword) {
  const JsonValue* part = schema.member(keyword);
  return part == nullptr ? nullptr : node(*part);
}

std::vector<const SchemaNode*> SchemaCompiler::nodes(const JsonValue& list) {
  std::vector<const SchemaNode*> nodes;
  for (const JsonValue& item : list.items()) nodes.push_back(node(item));
  return nodes;
}

void SchemaCompiler::fill(const Open& open) {
  if (open.source.is(Kind::kBoolean)) {
    open.node.is_never = !open.source.boolean();
    return;
  }
  if (!open.source.is(Kind::kObject)) return refuse("", "a schema must be an object or a boolean");
  if (const JsonValue* reference = open.source.member("$ref")) {
    return add_reference(open, *reference);
  }
  add_type(open);
  add_values(open);
  add_numbers(open);
  add_counts(open);
  add_pattern(open);
  add_arrays(open);
  add_objects(open);
  add_members(open);
  add_dependencies(open);
  add_logic(open);
}

void SchemaCompiler::add_reference(const Open& open, const JsonValue& reference) {
  if (!reference.is(Kind::kString)) return refuse("$ref", "$ref must be a string");
  const JsonValue* target = references_.resolve(open.source, reference.text());
  if (target == nullptr) {
    return refuse("$ref", fmt::format("$ref {} leads to nothing in it",
                                      protocol::shortened(reference.text())));
  }
  open.node.rules.emplace_back(ReferenceRule{node(*target)});
}

void SchemaCompiler::add_type(const Open& open) {
  const JsonValue* type = open.source.member("type");
  if (type == nullptr) return;
  std::vector<std::string> names;
  if (type->is(Kind::kString)) {
    names.push_back(type->text());
  } else {
    names = texts(*type, "type");
  }
  for (const std::string& name : names) {
    std::uint8_t bit = 0;
    for (const auto& [known, known_bit] : kTypes) {
      if (known == name) bit = known_bit;
    }
    if (bit == 0) return refuse("type", "type: " + protocol::shortened(name) + " is no type");
    open.node.types = static_cast<std::uint8_t>(open.node.types | bit);
  }
  if (names.empty()) refuse("type", "type names no type");
}

void SchemaCompiler::add_values(const Open& open) {
  if (const JsonValue* values = member(open.source, "enum", Kind::kArray)) {
    open.node.rules.emplace_back(ValuesRule{values->items()});
  }
  if (const JsonValue* value = open.source.member("const")) {
    open.node.rules.emplace_back(ValuesRule{{*value}});
  }
}

void SchemaCompiler::add_numbers(const Open& open) {
  for (const auto& [keyword, kind] : kNumberRules) {
    const JsonValue* bound = member(open.source, keyword, Kind::kNumber);
    if (bound == nullptr) continue;
    if (kind == NumberRule::Kind::kMultipleOf &&
        (bound->number().is_zero() || bound->number().is_negative())) {
      return refuse("multipleOf", "multipleOf must be above 0");
    }
    open.node.rules.emplace_back(NumberRule{kind, bound->number()});
  }
}

void SchemaCompiler::add_counts(const Open& open) {
  for (const CountKeyword& rule : kCountRules) {
    const JsonValue* bound = member(open.source, rule.keyword, Kind::kNumber);
    if (bound == nullptr) continue;
    const auto count = bound->number().as_count();
    if (!count)
      return refuse(rule.keyword, fmt::format("{} must be a whole number from 0 on", rule.keyword));
    open.node.rules.emplace_back(CountRule{rule.counted, rule.is_most, *count});
  }
}

void SchemaCompiler::add_pattern(const Open& open) {
  if (const JsonValue* text = member(open.source, "pattern", Kind::kString)) {
    open.node.rules.emplace_back(PatternRule{pattern(text->text(), "pattern")});
  }
}

void SchemaCompiler::add_arrays(const Open& open) {
  if (const JsonValue* items = open.source.member("items")) {
    if (items->is(Kind::kArray)) {
      open.node.rules.emplace_back(
          ItemsRule{nodes(*items), node_of(open.source, "additionalItems")});
    } else {
      open.node.rules.emplace_back(ItemsRule{{}, node(*items)});
    }
  }
  const JsonValue* unique = member(open.source, "uniqueItems", Kind::kBoolean);
  if (unique != nullptr && unique->boolean()) open.node.rules.emplace_back(UniqueRule{});
  if (const SchemaNode* item = node_of(open.source, "contains")) {
    open.node.rules.emplace_back(ContainsRule{item});
  }
}

void SchemaCompiler::add_objects(const Open& open) {
  if (const JsonValue* names = member(open.source, "required", Kind::kArray)) {
    open.node.rules.emplace_back(RequiredRule{texts(*names, "required")});
  }
  if (const SchemaNode* name = node_of(open.source, "propertyNames")) {
    open.node.rules.emplace_back(NamesRule{name});
  }
}

void SchemaCompiler::add_members(const Open& open) {
  const JsonValue* named = member(open.source, "properties", Kind::kObject);
  const JsonValue* matching = member(open.source, "patternProperties", Kind::kObject);
  MembersRule rule{{}, {}, node_of(open.source, "additionalProperties")};
  if (named == nullptr && matching == nullptr && rule.rest == nullptr) return;
  for (std::size_t i = 0; named != nullptr && i < named->keys().size(); ++i) {
    rule.named.emplace_back(named->keys()[i], node(named->items()[i]));
  }
  for (std::size_t i = 0; matching != nullptr && i < matching->keys().size(); ++i) {
    rule.matching.emplace_back(pattern(matching->keys()[i], "patternProperties"),
                               node(matching->items()[i]));
  }
  open.node.rules.emplace_back(std::move(rule));
}

void SchemaCompiler::add_dependencies(const Open& open) {
  const JsonValue* all = member(open.source, "dependencies", Kind::kObject);
  for (std::size_t i = 0; all != nullptr && i < all->keys().size(); ++i) {
    const JsonValue& needed = all->items()[i];
    DependencyRule rule{all->keys()[i], {}, nullptr};
    if (needed.is(Kind::kArray)) {
      rule.names = texts(needed, "dependencies");
    } else {
      rule.schema = node(needed);
    }
    open.node.rules.emplace_back(std::move(rule));
  }
}

void SchemaCompiler::add_logic(const Open& open) {
  if (const SchemaNode* condition = node_of(open.source, "if")) {
    open.node.rules.emplace_back(
        ConditionRule{condition, node_of(open.source, "then"), node_of(open.source, "else")});
  }
  for (const auto& [keyword, kind] : kCombinations) {
    const JsonValue* of = member(open.source, keyword, Kind::kArray);
    if (of == nullptr) continue;
    if (of->items().empty()) return refuse(keyword, fmt::format("{} must not be empty", keyword));
    open.node.rules.emplace_back(CombinationRule{kind, nodes(*of)});
  }
  if (const SchemaNode* schema = node_of(open.source, "not")) {
    open.node.rules.emplace_back(NotRule{schema});
  }
}

const JsonValue* SchemaCompiler::member(const JsonValue& schema, std::string_view keyword,
                                        Kind kind) {
  const JsonValue* found = schema.member(keyword);
  if (found == nullptr || found->is(kind)) return found;
  refuse(keyword, fmt::format("{} must be of type {}", keyword, name_of(kind)));
  return nullptr;
}

std::vector<std::string> SchemaCompiler::texts(const JsonValue& list, std::string_view keyword) {
  std::vector<std::string> texts;
  for (const JsonValue& item : list.items()) {
    if (item.is(Kind::kString)) texts.push_back(item.text());
  }
  if (!list.is(Kind::kArray) || texts.size() != list.items().size()) {
    refuse(keyword, fmt::format("{} must hold strings", keyword));
  }
  return texts;
}

std::unique_ptr<re2::RE2> SchemaCompiler::pattern(const std::string& text,
                                                  std::string_view keyword) {
  if (++patterns_ > kMaxPatterns) refuse(keyword, "it has too many patterns");
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kPatternBytes);
  options.set_never_capture(true);
  auto pattern = std::make_unique<re2::RE2>(text, options);
  if (!pattern->ok()) {
    refuse(keyword, fmt::format("pattern {} cannot be used: {}", protocol::shortened(text),
                                protocol::shortened(pattern->error())));
  } else if (pattern->ProgramSize() > kMaxPatternProgram) {
    refuse(keyword, fmt::format("pattern {} is too large", protocol::shortened(text)));
  }
  return pattern;
}

void SchemaCompiler::refuse(std::string_view keyword, std::string problem) {
  if (problem_) return;
  std::string path;
  append_path(document_, *current_, path);
  if (!keyword.empty()) append_member(path, keyword);
  problem_.emplace(std::move(path), std::move(problem));
}

}  // namespace fairlead::commands
