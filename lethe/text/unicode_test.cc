#include "lethe/text/unicode.h"

#include <doctest/doctest.h>

using namespace lethe;
using namespace lethe::text;

TEST_CASE("UTF-8 there and back") {
  for (const char32_t c : {0x0u, 0x7Fu, 0x80u, 0x7FFu, 0x800u, 0xD7FFu, 0xE000u, 0xFFFFu, 0x10000u, 0x10FFFFu}) {
    const std::string text = to_utf8(c);
    CHECK(is_valid_utf8(text));
    CHECK(char_at(text, 0).value == c);
    CHECK(char_at(text, 0).size == text.size());
    CHECK(char_begin("a" + text, text.size()) == 1);
  }
}

TEST_CASE("properties as Hugging Face's tables have them") {
  CHECK(is_whitespace(0x85));
  CHECK(!is_whitespace(0x200B));
  CHECK(is_numeric(0xBD));     // one half
  CHECK(is_numeric(0x1E4F0));  // Unicode 15
  CHECK(is_numeric(0x11DE0));  // Unicode 17
  CHECK(!is_numeric('a'));
  CHECK(is_punctuation('$'));
  CHECK(is_punctuation(0x166D));
  CHECK(!is_punctuation(0x2E52));  // since Unicode 14
  CHECK(is_mark(0x301));
  CHECK(is_mark(0x1CF2));
  CHECK(!is_mark(0x897));
  CHECK(lowercase(0x16EA0) == 0x16EBB);
  CHECK(lowercase(U'Σ') == U'σ');
  CHECK(has_normal_forms(0xC5));
  CHECK(!has_normal_forms(0x32FF));
}
