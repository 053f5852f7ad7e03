#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "protocol/capabilities.h"
#include "protocol/json_reader.h"
#include "protocol/members.h"
#include "protocol/names.h"

namespace fairlead::protocol {

/// Turns the text of a declaration into Capabilities and names all that is wrong with it.
class Capabilities::Reader {
 public:
  Reader(const Document& document, Problems& problems) : document_(document), problems_(problems) {}

  Capabilities read() {
    const Members members(document_, document_.root(), problems_, {.member = "capabilities"});
    Capabilities declared;
    declared.additional_ = members.boolean("additional").value_or(true);
    declared.declares_commands_ = members.find("commands") != nullptr;
    read_entries(members, "metrics", kMaxMetrics, [&](const Node& node, const Members& entry) {
      declared.metrics_.push_back(read_metric(node, entry));
    });
    read_entries(members, "commands", kMaxDeclaredCommands,
                 [&](const Node& node, const Members& entry) {
                   declared.commands_.push_back(read_command(node, entry));
                 });
    std::ranges::sort(declared.metrics_, {}, &Capabilities::Metric::name);
    std::ranges::sort(declared.commands_, {}, &Capabilities::Command::name);
    declared.required_count_ = static_cast<std::size_t>(
        std::ranges::count(declared.metrics_, true, &Capabilities::Metric::required));
    return declared;
  }

 private:
  template <typename Take>
  void read_entries(const Members& members, std::string_view name, std::size_t most, Take take) {
    const Node* const object = members.object(name);
    if (object == nullptr) return;
    if (object->children > most) {
      members.add(name,
                  fmt::format("must have at most {} members, not {}", most, object->children));
      return;
    }
    for (const Node& node : document_.children(*object)) {
      const std::string path = fmt::format("{}.{}", members.path(name), shortened(node.key));
      if (node.kind != NodeKind::kObject) {
        problems_.add(path, fmt::format("must be an object, not {}", describe(node)));
        continue;
      }
      take(node, Members(document_, node, problems_, {.member = path}));
    }
  }

  Capabilities::Metric read_metric(const Node& node, const Members& members) {
    Capabilities::Metric metric{.name = std::string(node.key)};
    if (!is_metric_name(node.key)) {
      members.add_here("a metric's name has 1 to 64 characters of A-Z a-z 0-9 _ . : / -");
    }
    const bool has_type = read_type(members, metric);
    metric.required = members.boolean("required").value_or(false);
    metric.minimum = read_number(members, "minimum");
    metric.maximum = read_number(members, "maximum");
    if (metric.minimum && metric.maximum && *metric.minimum > *metric.maximum) {
      members.add("minimum",
                  fmt::format("{} is above the maximum {}", *metric.minimum, *metric.maximum));
    }
    if (const auto length = members.integer("maxLength")) {
      metric.max_length = static_cast<std::size_t>(*length);
    }
    members.text("unit", 0, kMaxCapabilitiesBytes);
    members.text("description", 0, kMaxCapabilitiesBytes);
    if (has_type) {
      read_choices(members, metric);
      refuse_foreign_rules(members, metric.type);
    }
    return metric;
  }

  /// False when there is none that can be used.
  bool read_type(const Members& members, Capabilities::Metric& metric) {
    static constexpr std::array<std::string_view, 4> kTypes = {"number", "integer", "boolean",
                                                               "string"};
    if (!members.require("type")) return false;
    const auto word = members.word("type", {kTypes[0], kTypes[1], kTypes[2], kTypes[3]});
    if (!word) return false;
    metric.type = static_cast<MetricType>(std::ranges::find(kTypes, *word) - kTypes.begin());
    return true;
  }

  static std::optional<double> read_number(const Members& members, std::string_view name) {
    const Node* const node = members.find(name);
    if (node == nullptr) return std::nullopt;
    if (node->kind == NodeKind::kNumber) return node->number;
    members.add(name, fmt::format("must be a number, not {}", describe(*node)));
    return std::nullopt;
  }

  void read_choices(const Members& members, Capabilities::Metric& metric) {
    const Node* const list = members.array("enum");
    if (list == nullptr) return;
    if (list->children == 0) members.add("enum", "must have at least one value");
    std::size_t index = 0;
    for (const Node& node : document_.children(*list)) {
      const std::string path = fmt::format("{}[{}]", members.path("enum"), index++);
      const MetricView value{.name = {},
                             .kind = node.kind == NodeKind::kString    ? ValueKind::kString
                                     : node.kind == NodeKind::kBoolean ? ValueKind::kBoolean
                                                                       : ValueKind::kNumber,
                             .text = node.text,
                             .number = node.number};
      const bool is_scalar = node.kind == NodeKind::kString || node.kind == NodeKind::kBoolean ||
                             node.kind == NodeKind::kNumber;
      if (!is_scalar || !Capabilities::has_type(metric, value)) {
        problems_.add(path, fmt::format("{} is not of the metric's type", describe(node)));
        continue;
      }
      metric.choices.push_back({.number = node.number, .text = std::string(node.text)});
    }
  }

  // In JSON Schema a maximum of a string, or a length of a number, says nothing: here the one who
  // wrote it is told that it would never be looked at.
  static void refuse_foreign_rules(const Members& members, MetricType type) {
    const bool is_number = type == MetricType::kNumber || type == MetricType::kInteger;
    for (const char* rule : {"minimum", "maximum"}) {
      if (!is_number && members.find(rule) != nullptr) members.add(rule, "is for numbers only");
    }
    if (type != MetricType::kString && members.find("maxLength") != nullptr) {
      members.add("maxLength", "is for strings only");
    }
  }

  Capabilities::Command read_command(const Node& node, const Members& members) {
    Capabilities::Command command{.name = std::string(node.key), .params_schema = {}};
    const std::size_t length = count_characters(node.key);
    if (length == 0 || length > kMaxCommandNameLength) {
      members.add_here(
          fmt::format("a command's name has 1 to {} characters", kMaxCommandNameLength));
    }
    members.text("description", 0, kMaxCapabilitiesBytes);
    const Node* const params = members.find("params");
    if (params == nullptr) return command;
    if (params->kind == NodeKind::kObject || params->kind == NodeKind::kBoolean) {
      command.params_schema = params->text;
    } else {
      members.add("params", fmt::format("must be a JSON Schema (an object or a boolean), not {}",
                                        describe(*params)));
    }
    return command;
  }

  const Document& document_;
  Problems& problems_;
};

Result<Capabilities> Capabilities::parse(std::string_view json) {
  if (json.size() > kMaxCapabilitiesBytes) {
    return invalid_field("capabilities", fmt::format("must have at most {} bytes, not {}",
                                                     kMaxCapabilitiesBytes, json.size()));
  }
  JsonReader reader;
  if (auto read = reader.read_copy(json); !read) return std::unexpected(std::move(read.error()));
  const Node& root = reader.document().root();
  if (root.kind != NodeKind::kObject) {
    return invalid_field("capabilities", fmt::format("must be an object, not {}", describe(root)));
  }
  Problems problems;
  Capabilities declared = Reader(reader.document(), problems).read();
  if (problems.is_empty()) return declared;
  return std::unexpected(std::move(problems).to_error());
}

}  // namespace fairlead::protocol
