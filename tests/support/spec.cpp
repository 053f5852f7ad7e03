#include "support/spec.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "commands/json_value.h"
#include "commands/schema.h"
#include "commands/schema_check.h"
#include "support/failure.h"

namespace fairlead::support {
namespace {

/// The same, and every object in it has the members that it names and no others.
Json closed(const Json& document) {
  if (document.is_array()) {
    Json::Array items;
    for (const Json& item : document.items()) items.push_back(closed(item));
    return Json(std::move(items));
  }
  if (!document.is_object()) return document;
  Json::Object members;
  for (const auto& [name, value] : document.members()) members.emplace_back(name, closed(value));
  const bool is_open =
      document["properties"].is_object() && !document["additionalProperties"].exists();
  if (is_open) members.emplace_back("additionalProperties", Json(false));
  return Json(std::move(members));
}

/// A document, and the schemas in it that were needed so far.
class Spec {
 public:
  explicit Spec(const std::string& name) {
    std::ifstream in(FAIRLEAD_SOURCE_DIR + ("/spec/" + name), std::ios::binary);
    document_ = closed(Json::parse(std::string{std::istreambuf_iterator<char>(in), {}}));
  }

  const Json& document() const { return document_; }

  /// What is wrong with `text` by the schema at that JSON pointer (RFC 6901); empty: nothing.
  std::string problem(const std::string& pointer, const std::string& text) {
    const std::lock_guard lock(mutex_);
    auto& schema = schemas_[pointer];
    if (!schema) {
      auto compiled =
          commands::Schema::compile(document_.without("$ref").with("$ref", "#" + pointer).dump());
      if (!compiled) throw Failure(fmt::format("{}: {}", pointer, compiled.error().message));
      schema = std::make_unique<commands::Schema>(std::move(*compiled));
    }
    const auto value = commands::JsonValue::parse(text);
    if (!value) return "it is no JSON";
    const auto fits = commands::SchemaCheck("").run(*schema, *value);
    return fits ? "" : fits.error().message;
  }

 private:
  Json document_;
  std::mutex mutex_;
  /// Guarded by mutex_.
  std::map<std::string, std::unique_ptr<commands::Schema>> schemas_;
};

/// By type: the names of the messages that the hub sends.
std::map<std::string, std::set<std::string>> sent_by_the_hub(const Json& document) {
  std::map<std::string, std::set<std::string>> sent;
  const auto add = [&](const Json& references) {
    for (const Json& reference : references.items()) {
      const std::string& path = reference["$ref"].as_string();
      const std::string name = path.substr(path.rfind('/') + 1);
      const Json& payload = document["components"]["messages"][name]["payload"];
      sent[payload["properties"]["type"]["const"].as_string()].insert(name);
    }
  };
  for (const auto& [name, operation] : document["operations"].members()) {
    if (operation["action"] == "send") add(operation["messages"]);
    if (operation["reply"].exists()) add(operation["reply"]["messages"]);
  }
  return sent;
}

std::vector<std::string_view> segments(std::string_view path) {
  std::vector<std::string_view> found;
  path = path.substr(0, path.find('?'));
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    found.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return found;
}

bool is_of(std::string_view path, std::string_view form) {
  const auto parts = segments(path);
  const auto wanted = segments(form);
  if (parts.size() != wanted.size()) return false;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!wanted[i].starts_with('{') && parts[i] != wanted[i]) return false;
  }
  return true;
}

/// For a JSON pointer.
std::string escaped(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c == '~') {
      text += "~0";
    } else if (c == '/') {
      text += "~1";
    } else {
      text += c;
    }
  }
  return text;
}

std::string lower(std::string_view text) {
  std::string out;
  for (const char c : text) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

}  // namespace

std::optional<std::string> spec_problem(const Json& message) {
  static Spec spec("asyncapi.json");
  static const auto sent = sent_by_the_hub(spec.document());
  const auto names = sent.find(message["type"].as_string());
  if (names == sent.end()) return "asyncapi.json: a type that the hub does not send";
  const std::string text = message.dump();
  std::string problems;
  for (const std::string& name : names->second) {
    const std::string problem =
        spec.problem("/components/messages/" + escaped(name) + "/payload", text);
    if (problem.empty()) return std::nullopt;
    problems += fmt::format("\n  by {}: {}", name, problem);
  }
  return "asyncapi.json:" + problems;
}

std::optional<std::string> spec_problem(std::string_view method, std::string_view target,
                                        const HttpResponse& response) {
  // An address serves what it is for: the rest of the document is not there.
  const bool is_elsewhere = response.status == 404 && response.body.contains("\"there is no /");
  if (is_elsewhere) return std::nullopt;
  static Spec spec("openapi.json");
  const std::string verb = lower(method == "HEAD" ? "GET" : method);
  for (const auto& [form, operations] : spec.document()["paths"].members()) {
    if (!is_of(target, form) || !operations[verb].exists()) continue;
    const std::string status = std::to_string(response.status);
    const Json* described = &operations[verb]["responses"][status];
    std::string pointer = fmt::format("/paths/{}/{}/responses/{}", escaped(form), verb, status);
    if (!described->exists()) return "openapi.json: no response " + status;
    if ((*described)["$ref"].exists()) {
      const std::string& path = (*described)["$ref"].as_string();
      const std::string name = path.substr(path.rfind('/') + 1);
      described = &spec.document()["components"]["responses"][name];
      pointer = "/components/responses/" + escaped(name);
    }
    if (method == "HEAD") return std::nullopt;
    const Json& contents = (*described)["content"];
    if (!contents.exists()) {
      if (response.body.empty()) return std::nullopt;
      return "openapi.json: a body where none is described";
    }
    const std::string header = response.header("content-type");
    const std::string type = header.substr(0, header.find(';'));
    if (!contents[type].exists()) return "openapi.json: no body of the type " + type;
    const bool is_json = type == "application/json" || type == "application/problem+json";
    if (!is_json || !contents[type]["schema"].exists()) return std::nullopt;
    const std::string problem =
        spec.problem(pointer + "/content/" + escaped(type) + "/schema", response.body);
    if (problem.empty()) return std::nullopt;
    return "openapi.json: " + problem;
  }
  return std::nullopt;
}

}  // namespace fairlead::support
