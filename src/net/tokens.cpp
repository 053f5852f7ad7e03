#include "net/tokens.h"

#include <algorithm>

namespace fairlead::net {
namespace {

char lower(char character) {
  const bool is_upper = character >= 'A' && character <= 'Z';
  return is_upper ? static_cast<char>(character - 'A' + 'a') : character;
}

}  // namespace

bool is_token_character(char character) {
  if (character >= '0' && character <= '9') return true;
  if (lower(character) >= 'a' && lower(character) <= 'z') return true;
  return character != '\0' && std::string_view("!#$%&'*+-.^_`|~").contains(character);
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_character);
}

std::string to_lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), lower);
  return result;
}

bool equals_ignoring_case(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, {}, lower, lower);
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string_view> split_list(std::string_view text, char divider) {
  std::vector<std::string_view> members;
  std::size_t begin = 0;
  bool is_quoted = false;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    const bool is_end = at == text.size();
    if (!is_end && is_quoted && text[at] == '\\') {
      ++at;
    } else if (!is_end && text[at] == '"') {
      is_quoted = !is_quoted;
    }
    if (at < text.size() && (is_quoted || text[at] != divider)) continue;
    const std::string_view member = trim(text.substr(begin, at - begin));
    if (!member.empty()) members.push_back(member);
    begin = at + 1;
    if (at >= text.size()) break;
  }
  return members;
}

bool list_has(std::string_view list, std::string_view token) {
  return std::ranges::any_of(split_list(list), [token](std::string_view member) {
    return equals_ignoring_case(member, token);
  });
}

}  // namespace fairlead::net
