#include "lethe/base/json.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"

using namespace lethe;

TEST_CASE("errors say file, line, field, value and what was expected") {
  CHECK_THROWS_WITH_AS(parse_json("{\"a\":\n1", "f.json"), doctest::Contains("f.json: not valid JSON at line 2"),
                       Error);
  CHECK_THROWS_WITH_AS(parse_json(" \n", "f.json"), doctest::Contains("f.json: empty"), Error);
  CHECK_THROWS_WITH_AS(parse_json("[1e999]", "f.json"), doctest::Contains("f.json: not usable"), Error);
  const Json j = parse_json(R"({"s":"x","i":3,"f":2.5,"b":true,"n":null})", "f.json");
  CHECK(json_string(j, "s", "f") == "x");
  CHECK(json_int(j, "i", "f") == 3);
  CHECK(json_number(j, "f", "f") == 2.5);
  CHECK(json_bool(j, "b", "f"));
  CHECK(json_int(j, "n", "f", 4) == 4);
  CHECK(json_int(j, "none", "f", 5) == 5);
  CHECK_THROWS_WITH_AS(json_int(j, "f", "f"), "f: \"f\" is 2.5, expected an integer", Error);
  CHECK_THROWS_WITH_AS(json_int(j, "none", "f"), "f: the field \"none\" is missing", Error);
  CHECK_THROWS_WITH_AS(json_string(j, "i", "f", "y"), "f: \"i\" is 3, expected a string", Error);
  CHECK_THROWS_WITH_AS(json_bool(j["s"], "q", "f"), doctest::Contains("expected an object"), Error);
}
