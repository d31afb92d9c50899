#include "lethe/base/utf8.h"

#include <doctest/doctest.h>

using namespace lethe;

TEST_CASE("each maximal invalid part becomes one U+FFFD") {
  const std::string r = "\uFFFD";
  CHECK(replace_invalid_utf8("plain \u00e9") == "plain \u00e9");
  CHECK(replace_invalid_utf8("a\xffz") == "a" + r + "z");
  CHECK(replace_invalid_utf8("\xf0\x9f\x98") == r);  // a truncated emoji is one part
  CHECK(replace_invalid_utf8("\xf0\x9f\x98z") == r + "z");
  CHECK(replace_invalid_utf8("\xed\xa0\x80") == r + r + r);          // a surrogate is three
  CHECK(replace_invalid_utf8("\xc0\xaf\xe0\x80") == r + r + r + r);  // overlong forms
  CHECK(replace_invalid_utf8("\xf4\x90\x80\x80") == r + r + r + r);  // above U+10FFFF
  CHECK(!is_valid_utf8("0123456789\xc3"));
  CHECK(is_ascii("0123456789"));
  CHECK(!is_ascii("01234567\xc3\xa9"));
}

TEST_CASE("a text is cut before a character") {
  CHECK(shortened("12345678", 8) == "12345678");
  CHECK(shortened("123456789", 8) == "12345...");
  CHECK(shortened("1234\u00e9789", 8) == "1234...");
  CHECK(shortened("12\U0001F600789", 8) == "12...");
  CHECK(shortened("\x80\x80\x80\x80\x80", 4) == "...");
}
