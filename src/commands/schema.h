#pragma once

#include <re2/re2.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "commands/decimal.h"
#include "commands/json_value.h"

namespace fairlead::commands {

struct SchemaNode;

// The rules of a schema (JSON Schema, draft 7), one a keyword or a group of keywords that belong
// together. Pointers to nodes are into the same Schema.

struct NumberRule {
  enum class Kind : std::uint8_t {
    kMinimum,
    kMaximum,
    kExclusiveMinimum,
    kExclusiveMaximum,
    kMultipleOf,
  };
  Kind kind;
  Decimal bound;
};
/// Bounds what can be counted: characters of a string, items of an array, members of an object.
struct CountRule {
  JsonValue::Kind counted;
  bool is_most;
  std::size_t bound;
};
struct PatternRule {
  std::unique_ptr<re2::RE2> pattern;
};
/// `enum` and `const`.
struct ValuesRule {
  std::vector<JsonValue> values;
};
struct ItemsRule {
  std::vector<const SchemaNode*> first;
  /// Of all items behind the first ones; null: anything.
  const SchemaNode* rest;
};
struct UniqueRule {};
struct ContainsRule {
  const SchemaNode* item;
};
struct RequiredRule {
  std::vector<std::string> names;
};
struct MembersRule {
  /// Sorted by name.
  std::vector<std::pair<std::string, const SchemaNode*>> named;
  std::vector<std::pair<std::unique_ptr<re2::RE2>, const SchemaNode*>> matching;
  /// Of members that are neither; null: anything.
  const SchemaNode* rest;
};
struct NamesRule {
  const SchemaNode* name;
};
struct DependencyRule {
  std::string member;
  std::vector<std::string> names;
  /// Null when it is a list of names.
  const SchemaNode* schema;
};
struct ConditionRule {
  const SchemaNode* condition;
  /// Null: anything.
  const SchemaNode* then;
  const SchemaNode* otherwise;
};
struct CombinationRule {
  enum class Kind : std::uint8_t { kAllOf, kAnyOf, kOneOf };
  Kind kind;
  std::vector<const SchemaNode*> of;
};
struct NotRule {
  const SchemaNode* schema;
};
struct ReferenceRule {
  const SchemaNode* target;
};

using Rule = std::variant<NumberRule, CountRule, PatternRule, ValuesRule, ItemsRule, UniqueRule,
                          ContainsRule, RequiredRule, MembersRule, NamesRule, DependencyRule,
                          ConditionRule, CombinationRule, NotRule, ReferenceRule>;

/// The bits of SchemaNode::types; the others are those of JsonValue::Kind.
inline constexpr std::uint8_t kIntegerBit = 1U << 7;
constexpr std::uint8_t type_bit(JsonValue::Kind kind) {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(kind));
}

struct SchemaNode {
  /// The schema `false`.
  bool is_never = false;
  /// What `type` allows; 0: anything.
  std::uint8_t types = 0;
  std::vector<Rule> rules;
};

/// A compiled JSON Schema, draft 7. `format` and the content keywords are ignored. `$ref` leads to
/// what is in the same document, never elsewhere.
class Schema {
 public:
  /// kInvalid with the path in the schema (`properties.celsius.type`) and a message that names the
  /// keyword which cannot be used: of the wrong type, a pattern that RE2 does not know, a reference
  /// that leads out of the document; too many rules.
  static Result<Schema> compile(std::string_view json);

  const SchemaNode& root() const { return *nodes_.front(); }

 private:
  friend class SchemaCompiler;
  Schema() = default;

  std::vector<std::unique_ptr<SchemaNode>> nodes_;
};

}  // namespace fairlead::commands
