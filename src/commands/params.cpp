#include "commands/params.h"

#include <fmt/format.h>

#include <list>
#include <unordered_map>
#include <utility>

#include "commands/json_value.h"
#include "commands/schema.h"
#include "commands/schema_check.h"
#include "protocol/problems.h"

namespace fairlead::commands {
namespace {

constexpr std::size_t kMaxSchemas = 256;
constexpr std::size_t kMaxTextBytes = 1024 * 1024;

}  // namespace

struct Params::Compiled {
  std::string text;
  Result<Schema> schema;
};

/// The last used ones, by text.
class Params::Cache {
 public:
  const Result<Schema>& get(std::string_view text) {
    if (const auto known = by_text_.find(text); known != by_text_.end()) {
      latest_first_.splice(latest_first_.begin(), latest_first_, known->second);
    } else {
      latest_first_.push_front({std::string(text), Schema::compile(text)});
      by_text_.emplace(latest_first_.front().text, latest_first_.begin());
      bytes_ += text.size();
      while (by_text_.size() > 1 && (by_text_.size() > kMaxSchemas || bytes_ > kMaxTextBytes)) {
        drop_oldest();
      }
    }
    return latest_first_.front().schema;
  }
  std::size_t size() const { return by_text_.size(); }

 private:
  void drop_oldest() {
    const Compiled& oldest = latest_first_.back();
    bytes_ -= oldest.text.size();
    by_text_.erase(oldest.text);
    latest_first_.pop_back();
  }

  std::list<Compiled> latest_first_;
  /// Keys are views into the list.
  std::unordered_map<std::string_view, std::list<Compiled>::iterator> by_text_;
  std::size_t bytes_ = 0;
};

Params::Params() : cache_(std::make_unique<Cache>()) {}
Params::~Params() = default;

std::size_t Params::size() const { return cache_->size(); }

Result<void> Params::check_declared(const protocol::Capabilities& declared) {
  protocol::Problems problems;
  for (const protocol::Capabilities::Command& command : declared.commands()) {
    if (command.params_schema.empty()) continue;
    const auto schema = Schema::compile(command.params_schema);
    if (schema) continue;
    const std::string path =
        fmt::format("capabilities.commands.{}.params", protocol::shortened(command.name));
    const std::vector<FieldProblem>& fields = schema.error().fields;
    if (fields.empty() || fields[0].path.empty()) {
      problems.add(path, schema.error().message);
    } else {
      problems.add(fmt::format("{}.{}", path, fields[0].path), fields[0].problem);
    }
  }
  if (problems.is_empty()) return {};
  return std::unexpected(std::move(problems).to_error());
}

Result<void> Params::check(std::string_view schema, const std::optional<std::string>& params) {
  if (schema.empty()) return {};
  const Result<Schema>& compiled = cache_->get(schema);
  if (!compiled) {
    return invalid_field("params", "the schema that the device declared cannot be used: " +
                                       compiled.error().message);
  }
  const auto value = JsonValue::parse(params.value_or("{}"));
  if (!value) return invalid_field("params", "is not JSON");
  return SchemaCheck("params").run(*compiled, *value);
}

}  // namespace fairlead::commands
