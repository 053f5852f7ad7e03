#include "net/utf8.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using fairlead::net::is_utf8;
using fairlead::net::Utf8Validator;

namespace {

/// How many octets pass before the first refusal.
std::size_t accepted_octets(std::string_view bytes) {
  Utf8Validator validator;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (!validator.feed(bytes.substr(i, 1))) return i;
  }
  return bytes.size();
}

}  // namespace

TEST_CASE("valid text passes whole and in every two pieces") {
  const std::string text =
      "plain, \u00df \u0800 \ud7ff \ue000 \ufffd \U00010000 \U0010ffff, and a tail of ascii "
      "that is longer than a few words";
  CHECK(is_utf8(text));
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Utf8Validator validator;
    CHECK(validator.feed(std::string_view(text).substr(0, cut)));
    CHECK(validator.feed(std::string_view(text).substr(cut)));
    CHECK(validator.is_complete());
  }
}

TEST_CASE("the borders of RFC 3629 are refused") {
  CHECK_FALSE(is_utf8("\xC0\x80"));
  CHECK_FALSE(is_utf8("\xC1\xBF"));
  CHECK_FALSE(is_utf8("\xE0\x9F\xBF"));
  CHECK_FALSE(is_utf8("\xED\xA0\x80"));
  CHECK_FALSE(is_utf8("\xED\xBF\xBF"));
  CHECK_FALSE(is_utf8("\xF0\x8F\xBF\xBF"));
  CHECK_FALSE(is_utf8("\xF4\x90\x80\x80"));
  CHECK_FALSE(is_utf8("\xF5\x80\x80\x80"));
  CHECK_FALSE(is_utf8("\xFE"));
  CHECK_FALSE(is_utf8("\xFF"));
  CHECK_FALSE(is_utf8("\x80"));
  CHECK_FALSE(is_utf8("a\xC3"));
  CHECK_FALSE(is_utf8("\xE2\x82"));
  CHECK_FALSE(is_utf8("\xE2\x82 "));
}

TEST_CASE("text is refused at the first octet that cannot be right") {
  CHECK(accepted_octets("\xCE\xBA\xF4\x90\x80\x80z") == 3);
  CHECK(accepted_octets("abc\xED\xA0\x80") == 4);
  CHECK(accepted_octets("abc\xC0") == 3);
  CHECK(accepted_octets("\xE2\x82\xAC\xE2z") == 4);
}

TEST_CASE("a wrong octet is found wherever it stands among ascii") {
  for (std::size_t at = 0; at < 100; ++at) {
    std::string text(100, 'x');
    text[at] = '\xFF';
    CHECK_FALSE(is_utf8(text));
  }
}

TEST_CASE("after a refusal nothing is accepted until a reset") {
  Utf8Validator validator;
  CHECK_FALSE(validator.feed("\xFF"));
  CHECK_FALSE(validator.feed("fine"));
  validator.reset();
  CHECK(validator.feed("fine"));
}
