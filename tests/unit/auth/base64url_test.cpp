#include "auth/base64url.h"

#include <doctest/doctest.h>

#include <string>

using fairlead::auth::decode_base64url;
using fairlead::auth::encode_base64url;

TEST_CASE("base64url writes the vectors of RFC 4648 without padding, and reads them back") {
  const std::pair<std::string, std::string> vectors[] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff", "-_8"}};
  for (const auto& [bytes, text] : vectors) {
    CHECK(encode_base64url(bytes) == text);
    CHECK(decode_base64url(text) == bytes);
  }
}

TEST_CASE("base64url reads back every byte at every place") {
  for (int value = 0; value < 256; ++value) {
    for (std::size_t place = 0; place < 5; ++place) {
      std::string bytes(5, 'x');
      bytes[place] = static_cast<char>(value);
      CHECK(decode_base64url(encode_base64url(bytes)) == bytes);
    }
  }
}

TEST_CASE("base64url refuses padding, white space and letters of other alphabets") {
  for (const char* text : {"Zg==", "Zm8=", "Zm9v=", "Zm 9v", "Zm9v\n", "\nZm9v", "Zm9+", "Zm9/",
                           "Zm9v.", "Z\xc3\xa4g", "Zm9v*", "===="}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(decode_base64url(text));
  }
  CHECK_FALSE(decode_base64url(std::string_view("Zm9\0", 4)));
}

TEST_CASE("base64url refuses a length that no bytes have") {
  CHECK_FALSE(decode_base64url("A"));
  CHECK_FALSE(decode_base64url("AAAAA"));
}

TEST_CASE("base64url refuses a second spelling of the same bytes") {
  CHECK(decode_base64url("Zg") == "f");
  for (const char* text : {"Zh", "Zi", "Zv", "Zm9", "Zm-", "Zm_"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(decode_base64url(text));
  }
}
