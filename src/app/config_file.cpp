#include "app/config_file.h"

#include <toml++/toml.h>

namespace fairlead::app {
namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;

Result<std::string> text_of(const std::string& key, const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* boolean = node.as_boolean()) return boolean->get() ? "true" : "false";
  if (const auto* array = node.as_array()) {
    std::string joined;
    for (const toml::node& element : *array) {
      const auto* text = element.as_string();
      if (text == nullptr) return fail(Code::kInvalid, "{}: must be a list of strings", key);
      if (!joined.empty()) joined += ',';
      joined += text->get();
    }
    return joined;
  }
  return fail(Code::kInvalid, "{}: must be a string, a whole number, a boolean or a list", key);
}

// The depth of tables is bounded by the parser.
Result<void> flatten(const toml::table& table, const std::string& prefix, Entries& entries) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    if (const toml::table* inner = node.as_table()) {
      if (auto flat = flatten(*inner, key + ".", entries); !flat) return flat;
      continue;
    }
    auto text = text_of(key, node);
    if (!text) return std::unexpected(text.error());
    entries.emplace_back(key, std::move(*text));
  }
  return {};
}

}  // namespace

Result<Entries> read_config_file(const std::string& path) {
  toml::table table;
  try {
    table = toml::parse_file(path);
  } catch (const toml::parse_error& error) {
    return fail(Code::kInvalid, "configuration file {}: line {}: {}", path,
                error.source().begin.line, error.description());
  }
  Entries entries;
  if (auto flat = flatten(table, "", entries); !flat) {
    return fail(Code::kInvalid, "configuration file {}: {}", path, flat.error().message);
  }
  return entries;
}

}  // namespace fairlead::app
