#pragma once

#include <string_view>

namespace fairlead::telemetry {

/// Walks the members of a `metrics` object that parsing has accepted (an object of scalars, whose
/// names need no escapes or were written with some: `\u0061` is then given as written), calling
/// `each(name, value)` with the value's own JSON text. Allocates nothing.
template <typename Each>
void for_each_metric(std::string_view json, Each&& each) {
  std::size_t at = 1;
  const auto skip_blank = [&] {
    while (at < json.size() && (json[at] == ' ' || json[at] == '\t' || json[at] == '\n' ||
                                json[at] == '\r' || json[at] == ',' || json[at] == ':')) {
      ++at;
    }
  };
  const auto take_string = [&] {
    const std::size_t begin = at++;
    while (at < json.size() && json[at] != '"') at += json[at] == '\\' ? 2 : 1;
    ++at;
    return json.substr(begin, at - begin);
  };
  for (skip_blank(); at < json.size() && json[at] == '"'; skip_blank()) {
    const std::string_view quoted = take_string();
    skip_blank();
    const std::size_t begin = at;
    if (at < json.size() && json[at] == '"') {
      take_string();
    } else {
      at = json.find_first_of(" \t\r\n,}", at);
      if (at == std::string_view::npos) return;
    }
    each(quoted.substr(1, quoted.size() - 2), json.substr(begin, at - begin));
  }
}

}  // namespace fairlead::telemetry
