#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "commands/schema.h"
#include "commands/schema_references.h"

namespace fairlead::commands {

/// Turns a schema document into nodes: only what can be reached from its root, and each place once,
/// so that references may go round in circles. Without recursion: a device wrote this.
class SchemaCompiler {
 public:
  /// `document` outlives this.
  explicit SchemaCompiler(const JsonValue& document)
      : document_(document), references_(document), current_(&document) {}

  Result<Schema> run();

 private:
  struct Open {
    const JsonValue& source;
    SchemaNode& node;
  };

  const SchemaNode* node(const JsonValue& source);
  /// Null when there is no such keyword.
  const SchemaNode* node_of(const JsonValue& schema, std::string_view keyword);
  std::vector<const SchemaNode*> nodes(const JsonValue& list);

  void fill(const Open& open);
  void add_reference(const Open& open, const JsonValue& reference);
  void add_type(const Open& open);
  void add_values(const Open& open);
  void add_numbers(const Open& open);
  void add_counts(const Open& open);
  void add_pattern(const Open& open);
  void add_arrays(const Open& open);
  void add_objects(const Open& open);
  void add_members(const Open& open);
  void add_dependencies(const Open& open);
  void add_logic(const Open& open);

  /// A member of the wanted kind; null when there is none, and a problem when it is another kind.
  const JsonValue* member(const JsonValue& schema, std::string_view keyword, JsonValue::Kind kind);
  std::vector<std::string> texts(const JsonValue& list, std::string_view keyword);
  std::unique_ptr<re2::RE2> pattern(const std::string& text, std::string_view keyword);
  /// The first one counts; it is of that keyword of the schema under way.
  void refuse(std::string_view keyword, std::string problem);

  const JsonValue& document_;
  SchemaReferences references_;
  Schema schema_;
  std::unordered_map<const JsonValue*, const SchemaNode*> known_;
  std::deque<Open> open_;
  std::size_t patterns_ = 0;
  /// The schema under way.
  const JsonValue* current_;
  std::optional<FieldProblem> problem_;
};

}  // namespace fairlead::commands
