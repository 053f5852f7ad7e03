#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace fairlead::auth {

/// Base64url without padding, as JOSE uses it (RFC 7515, 2).
std::string encode_base64url(std::string_view bytes);

/// The bytes that `text` stands for, or nothing: padding, white space, letters outside the
/// alphabet and unused bits that are not zero are refused (RFC 4648, 3.5), so that one value has
/// one spelling.
std::optional<std::string> decode_base64url(std::string_view text);

/// The same into memory of the caller, which has room for `decoded_size(text.size())` bytes.
/// Returns the number of bytes written.
std::optional<std::size_t> decode_base64url(std::string_view text, char* into);

constexpr std::size_t decoded_size(std::size_t text_size) { return text_size * 3 / 4; }

}  // namespace fairlead::auth
