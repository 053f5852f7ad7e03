#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fairlead::net {

/// RFC 9110, 5.6.2: what a method, a header's name or a subprotocol is made of.
bool is_token_character(char character);
bool is_token(std::string_view text);

/// ASCII only: headers know no other letters.
std::string to_lower(std::string_view text);
bool equals_ignoring_case(std::string_view left, std::string_view right);

/// Without spaces and tabs at both ends.
std::string_view trim(std::string_view text);

/// The members of a list `a, b;c=1, d` (RFC 9110, 5.6.1), trimmed; empty ones are left out. Commas
/// in quoted strings do not divide.
std::vector<std::string_view> split_list(std::string_view text, char divider = ',');

/// Whether a comma-separated list has `token`, in any case.
bool list_has(std::string_view list, std::string_view token);

}  // namespace fairlead::net
