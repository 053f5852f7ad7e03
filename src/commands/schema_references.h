#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "commands/json_value.h"

namespace fairlead::commands {

/// Where the `$ref`s of one schema document lead: to JSON pointers, `$id`s and anchors in it.
class SchemaReferences {
 public:
  /// `root` outlives this.
  explicit SchemaReferences(const JsonValue& root);

  /// What the `$ref` of `schema`, a part of the document, leads to; null when it leads out of it.
  const JsonValue* resolve(const JsonValue& schema, std::string_view reference) const;

 private:
  void index(const JsonValue& schema, const std::string* base);
  void index_members(const JsonValue& schema, const std::string* base);

  std::deque<std::string> bases_;
  /// The base URI of each schema that has a `$ref`.
  std::unordered_map<const JsonValue*, const std::string*> base_of_;
  /// By URI without fragment, and with it for anchors.
  std::unordered_map<std::string, const JsonValue*> targets_;
};

}  // namespace fairlead::commands
