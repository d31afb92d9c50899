#include "lethe/run/page.h"

#include <doctest/doctest.h>

#include <cmath>

using namespace lethe::run;

TEST_CASE("text is escaped, and what is not text becomes U+FFFD") {
  CHECK(escape_html("<script>alert(\"a\" & 'b')</script>") ==
        "&lt;script&gt;alert(&quot;a&quot; &amp; &#39;b&#39;)&lt;/script&gt;");
  CHECK(escape_html("Zoë 漢字\n\t") == "Zoë 漢字\n\t");
  CHECK(escape_html("a\xff"
                    "b\xe6\xbc") == "a\uFFFDb\uFFFD");
  CHECK(escape_html(std::string_view("\0\x1b[1m\x7f", 6)) == "\uFFFD\uFFFD[1m\uFFFD");
}

TEST_CASE("numbers are rounded sensibly") {
  CHECK(percent_text(98.6999) == "98.7\u202F%");
  CHECK(percent_text(-0.04) == "0.0\u202F%");
  CHECK(percent_text(-8.21) == "−8.2\u202F%");
  CHECK(percent_text(NAN) == "–");
  CHECK(number_text(5e-5) == "5e-05");
  CHECK(number_text(0.083123) == "0.08312");
  CHECK(number_text(INFINITY) == "–");
  CHECK(number_text(80000) == "80000");
  CHECK(number_text(-163840) == "-163840");
  CHECK(number_text(163840.2) == "163840");
  CHECK(number_text(9999.7) == "10000");
  CHECK(number_text(12.3456) == "12.35");
  CHECK(number_text(1e15) == "1e+15");
}

TEST_CASE("letters are counted, not bytes") {
  CHECK(letters("Zoë 漢字") == 6);
  CHECK(letters("") == 0);
}

TEST_CASE("tables and definitions escape every cell") {
  const std::string table = table_html({"<c>", "<n>", {"<h>", "x"}, {{"<r>", "<v>"}}});
  for (const char* part : {"&lt;c&gt;<span>&lt;n&gt;</span>", "<th scope=\"col\">&lt;h&gt;</th>",
                           "<th scope=\"row\">&lt;r&gt;</th><td>&lt;v&gt;</td>"}) {
    CHECK(table.find(part) != std::string::npos);
  }
  CHECK(definitions_html({{"<n>", "&"}}) == "<dl>\n<div><dt>&lt;n&gt;</dt><dd>&amp;</dd></div>\n</dl>\n");
}
