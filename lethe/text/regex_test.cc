// Expressions with what Oniguruma makes of them; the expected pieces come from the Python package `tokenizers`.
#include "lethe/text/regex.h"

#include <doctest/doctest.h>

#include <vector>

#include "lethe/base/error.h"
#include "lethe/text/regex_syntax.h"

using namespace lethe;
using namespace lethe::text;
using Strings = std::vector<std::string>;

namespace {

Strings matches(const char* pattern, std::string_view text) {
  Strings found;
  Regex(pattern, "test").for_each_match(text, [&](Regex::Match m) {
    found.emplace_back(text.substr(m.begin, m.end - m.begin));
  });
  return found;
}

}  // namespace

TEST_CASE("Oniguruma's syntax") {
  CHECK(matches(R"(\d{1,3}+)", "1234567a") == Strings{"1234567"});  // a repeated repeat, not a possessive one
  CHECK(matches(R"((?:ab){1,2}+)", "abababx") == Strings{"ababab"});
  CHECK(matches(R"(a{,2})", "aaab") == Strings{"aa", "a", ""});
  CHECK(matches(R"(a++b)", "aab") == Strings{"aab"});
  CHECK(matches(R"(^a)", "ba\nab") == Strings{"a"});  // ^ and $ are a line's
  CHECK(matches(R"(a$)", "ba\nab") == Strings{"a"});
  CHECK(matches(R"(.+)", "a\nb") == Strings{"a", "b"});
  CHECK(matches(R"((?m:.)+)", "a\nb") == Strings{"a\nb"});
  CHECK(matches(R"(\h+)", "xyzab12") == Strings{"ab12"});
  CHECK(matches(R"(\u0041\x{42})", "xABy") == Strings{"AB"});
  CHECK(matches(R"(\p{^L}+)", "ab12") == Strings{"12"});
  CHECK(matches(R"(\p{Han}+)", "x\u3005\u4e00\u3001") == Strings{"\u3005\u4e00"});
  CHECK(matches(R"([^\S\r\n]+)", "a \n b") == Strings{" ", " "});
  CHECK(matches(R"(x*)", "axxb") == Strings{"", "xx", ""});
  CHECK(matches(R"((?<=a)b|(?<!a)c)", "abcac") == Strings{"b", "c"});
  CHECK(matches(R"(\bun|ing\b)", "unsung sing") == Strings{"un", "ing"});
  CHECK(matches(R"([]a]+)", "b]a") == Strings{"]a"});
  CHECK(matches(R"(a{b)", "a{b") == Strings{"a{b"});
}

TEST_CASE("characters that libraries disagree about") {
  CHECK(matches(R"(\s+)", "a\u180e\u0085\u2029\u3000b") == Strings{"\u0085\u2029\u3000"});  // PCRE2 alone takes U+180E
  CHECK(matches(R"(\S+)", " \u180e\u200b ") == Strings{"\u180e\u200b"});
  CHECK(matches(R"(\w+)", "a_\u0301\u203f\u00b2\u200d") == Strings{"a_\u0301\u203f\u00b2"});
  CHECK(matches(R"(\p{L}+)", "\U00031350\u1c89") == Strings{"\U00031350\u1c89"});  // Unicode 15 and 16
  CHECK(matches(R"([^\s\p{L}\p{N}]+)", "\U00031350\U0001e4f0!") == Strings{"!"});
  CHECK(matches(R"((?i:'s))", "'S'ſ's") == Strings{"'S", "'ſ", "'s"});
}

TEST_CASE("a text of a million spaces") {
  const std::string spaces(1000000, ' ');
  CHECK(matches(R"(\s+(?!\S)|\s+)", spaces + "x") == Strings{spaces.substr(1), " "});
  CHECK(matches(R"(\s*[\r\n]+|\s+(?!\S)|\s+)", spaces) == Strings{spaces});
}

TEST_CASE("expressions that are not supported, or none") {
  const auto error = [](const char* pattern) -> std::string {
    try {
      Regex(pattern, "t.json: Split");
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  };
  for (const char* pattern :
       {"[a[b]]", "[a&&b]", "[[:alpha:]]", "[\\W]", "[\\P{L}]", "\\p{L", "\\pL", "\\u12", "[a", "a\\", "[a\\"}) {
    CHECK_MESSAGE(error(pattern).starts_with("t.json: Split: the regular expression \""), pattern, " ", error(pattern));
  }
  for (const char* pattern : {"(", ")", "*", "a**", "(?<n", "\\p{Klingon}", "[z-a]", "(?z)", "\\C"}) {
    CHECK_MESSAGE(error(pattern).find("does not compile") != std::string::npos, pattern, " ", error(pattern));
  }
}

TEST_CASE("quoted text matches itself") {
  const std::string text = R"(a.b*c[d](e){f}\g^h$i|j?k+l-m#n o/p)";
  CHECK(matches(quoted_regex(text).c_str(), "x" + text + "y") == Strings{text});
}
