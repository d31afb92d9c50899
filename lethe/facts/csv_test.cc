#include "lethe/facts/csv.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"

using namespace lethe;
using namespace lethe::facts;
using Cells = std::vector<std::string>;

TEST_CASE("CSV cells: quotes, commas, doubled quotes, line ends, empty cells") {
  const Csv csv = parse_csv("a,b,\"c,d\"\r\n1,\"x \"\"y\"\"\",\"two\nlines\"\r\n\n,,\n\"\",\xC3\xA9,last", "f.csv");
  CHECK(csv.columns == Cells{"a", "b", "c,d"});
  REQUIRE(csv.rows.size() == 3);
  CHECK(csv.rows[0].cells == Cells{"1", "x \"y\"", "two\nlines"});
  CHECK(csv.rows[0].line == 2);
  CHECK(csv.rows[1].cells == Cells{"", "", ""});
  CHECK(csv.rows[1].line == 5);
  CHECK(csv.rows[2].cells == Cells{"", "\xC3\xA9", "last"});
  CHECK(parse_csv("a,b\n1,", "f").rows[0].cells == Cells{"1", ""});
  CHECK(parse_csv("a\n1\n2\n\"", "f", 2).rows.size() == 2);
}

TEST_CASE("broken CSV") {
  const auto wrong = [](const char* text, const char* message) {
    CHECK_THROWS_WITH_AS(parse_csv(text, "f.csv"), doctest::Contains(message), Error);
  };
  wrong("", "f.csv: empty");
  wrong("\n\n", "f.csv: empty");
  wrong("a,b\n1,\"x\n\n", "f.csv: line 2: the quote that opens here is never closed");
  wrong("a,b\n\"1\"x,2", "line 2: text behind a closing quote");
  wrong("a,b\n1,2\n1,2,3\n", "line 3: 3 cells, expected 2");
}
