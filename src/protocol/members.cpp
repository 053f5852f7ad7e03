#include "protocol/members.h"

#include <algorithm>
#include <initializer_list>

namespace fairlead::protocol {

std::string describe(const Node& node) {
  constexpr std::size_t kShownBytes = 40;
  switch (node.kind) {
    case NodeKind::kObject:
      return "an object";
    case NodeKind::kArray:
      return "an array";
    case NodeKind::kString:
      return fmt::format("\"{}\"", shortened(node.text, kShownBytes));
    default:
      return shortened(node.text, kShownBytes);
  }
}

std::string Members::path() const {
  if (!place_.index) return std::string(place_.member);
  return fmt::format("{}[{}]", place_.member, *place_.index);
}

std::string Members::path(std::string_view name) const {
  if (place_.member.empty()) return std::string(name);
  return fmt::format("{}.{}", path(), name);
}

void Members::add_here(std::string problem) const { problems_.add(path(), std::move(problem)); }

void Members::add(std::string_view name, std::string problem) const {
  problems_.add(path(name), std::move(problem));
}

bool Members::require(std::string_view name) const {
  if (find(name) != nullptr) return true;
  add(name, "is missing");
  return false;
}

std::string_view Members::required_text(std::string_view name, std::size_t longest) const {
  if (!require(name)) return {};
  return text(name, 1, longest).value_or("");
}

std::optional<std::string_view> Members::text(std::string_view name, std::size_t shortest,
                                              std::size_t longest) const {
  const Node* const node = find(name);
  if (node == nullptr) return std::nullopt;
  if (node->kind != NodeKind::kString) {
    add(name, fmt::format("must be a string, not {}", describe(*node)));
    return std::nullopt;
  }
  const std::size_t length = count_characters(node->text);
  if (length >= shortest && length <= longest) return node->text;
  const std::string rule = shortest == 0 ? fmt::format("at most {}", longest)
                                         : fmt::format("{} to {}", shortest, longest);
  add(name, fmt::format("must have {} characters, not {}", rule, length));
  return std::nullopt;
}

std::optional<std::int64_t> Members::integer(std::string_view name, Range range) const {
  const Node* const node = find(name);
  if (node == nullptr) return std::nullopt;
  if (node->kind != NodeKind::kNumber || !node->is_integer || node->integer < range.least ||
      node->integer > range.most) {
    add(name, fmt::format("must be an integer from {} to {}, not {}", range.least, range.most,
                          describe(*node)));
    return std::nullopt;
  }
  return node->integer;
}

std::optional<bool> Members::boolean(std::string_view name) const {
  const Node* const node = find(name);
  if (node == nullptr) return std::nullopt;
  if (node->kind != NodeKind::kBoolean) {
    add(name, fmt::format("must be true or false, not {}", describe(*node)));
    return std::nullopt;
  }
  return node->boolean;
}

std::optional<std::string_view> Members::word(std::string_view name,
                                              std::initializer_list<std::string_view> words) const {
  const Node* const node = find(name);
  if (node == nullptr) return std::nullopt;
  const auto found = std::ranges::find(words, node->text);
  if (node->kind != NodeKind::kString || found == words.end()) {
    add(name, fmt::format("must be one of {}, not {}", fmt::join(words, ", "), describe(*node)));
    return std::nullopt;
  }
  return *found;
}

const Node* Members::array(std::string_view name) const {
  const Node* const node = find(name);
  if (node == nullptr || node->kind == NodeKind::kArray) return node;
  add(name, fmt::format("must be an array, not {}", describe(*node)));
  return nullptr;
}

const Node* Members::list(std::string_view name, std::size_t most) const {
  const Node* const node = array(name);
  if (node == nullptr || (node->children > 0 && node->children <= most)) return node;
  add(name, fmt::format("must have 1 to {} elements, not {}", most, node->children));
  return nullptr;
}

const Node* Members::object(std::string_view name) const {
  const Node* const node = find(name);
  if (node == nullptr || node->kind == NodeKind::kObject) return node;
  add(name, fmt::format("must be an object, not {}", describe(*node)));
  return nullptr;
}

}  // namespace fairlead::protocol
