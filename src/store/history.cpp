#include "store/history.h"

#include <fmt/format.h>

#include <charconv>

namespace fairlead::store {
namespace {

bool skip(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

std::optional<commands::Transition> take_transition(std::string_view& text) {
  if (!skip(text, R"({"status":")")) return std::nullopt;
  const std::size_t quote = text.find('"');
  if (quote == std::string_view::npos) return std::nullopt;
  const auto state = commands::state_named(text.substr(0, quote));
  text.remove_prefix(quote);
  if (!state || !skip(text, R"(","at":)")) return std::nullopt;
  commands::Transition transition{.state = *state};
  const auto [end, problem] =
      std::from_chars(text.data(), text.data() + text.size(), transition.at);
  if (problem != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (!skip(text, "}")) return std::nullopt;
  return transition;
}

}  // namespace

std::string encode_history(const std::vector<commands::Transition>& history) {
  std::string text = "[";
  for (const commands::Transition& transition : history) {
    if (text.size() > 1) text += ',';
    fmt::format_to(std::back_inserter(text), R"({{"status":"{}","at":{}}})",
                   commands::name_of(transition.state), transition.at);
  }
  return text += ']';
}

std::optional<std::vector<commands::Transition>> decode_history(std::string_view text) {
  std::vector<commands::Transition> history;
  if (text == "[]") return history;
  if (!skip(text, "[")) return std::nullopt;
  while (true) {
    const auto transition = take_transition(text);
    if (!transition) return std::nullopt;
    history.push_back(*transition);
    if (text == "]") return history;
    if (!skip(text, ",")) return std::nullopt;
  }
}

}  // namespace fairlead::store
