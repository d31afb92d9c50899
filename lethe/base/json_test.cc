#include "lethe/base/json.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"

using namespace lethe;

TEST_CASE("errors say file, line, field, value and what was expected") {
  CHECK_THROWS_WITH_AS(parse_json("{\"a\":\n1", "f.json"), doctest::Contains("f.json: not valid JSON at line 2"),
                       Error);
  CHECK_THROWS_WITH_AS(parse_json(" \n", "f.json"), doctest::Contains("f.json: empty"), Error);
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
  const OrderedJson ordered{{"i", 3}, {"o", {{"s", "x"}}}};
  CHECK(json_int(ordered, "i", "f") == 3);
  CHECK(json_string(json_object(ordered, "o", "f"), "s", "f") == "x");
  CHECK(json_bool(ordered, "none", "f", true));
  CHECK(find_field(ordered, "none", "f") == nullptr);
  CHECK_THROWS_WITH_AS(json_object(ordered, "i", "f"), "f: \"i\" is 3, expected an object", Error);
  CHECK_THROWS_WITH_AS(json_number(ordered, "o", "f"), "f: \"o\" is {\"s\":\"x\"}, expected a number", Error);
  CHECK_THROWS_WITH_AS(find_field(ordered["i"], "x", "f"), "f: found 3, expected an object with the field \"x\"",
                       Error);
}

TEST_CASE("text of a value: fields in their order, whatever the bytes") {
  const OrderedJson json{{"b", "\xFF"}, {"a", 1}};
  CHECK(json_text(json) == "{\"b\":\"\uFFFD\",\"a\":1}");
  CHECK(json_text(json, 1) == "{\n \"b\": \"\uFFFD\",\n \"a\": 1\n}");
  CHECK(json_text(Json(json)) == "{\"a\":1,\"b\":\"\uFFFD\"}");
}

namespace {

void wrong(const std::string& text, const std::string& message, Json (*parse)(std::string_view, const std::string&)) {
  try {
    parse(text, "f.json");
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "f.json: " + message);
  }
}

std::string nested(size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

}  // namespace

TEST_CASE("what is wrong is told in a line, with its place") {
  wrong("[\n1e999]", "not usable JSON at line 2, byte 7 of 8: number overflow parsing '1e999'", parse_json);
  const std::string overflow = "[" + std::string(300000, '9') + "e99999]";
  wrong(overflow, "not usable JSON at byte 300007 of 300008: number overflow parsing '" + std::string(92, '9') + "...",
        parse_json);
  wrong("{\"a\":\"" + std::string(300000, 'x'),
        "not valid JSON at byte 300006 of 300006: syntax error while parsing value - invalid string: missing "
        "closing quote",
        parse_json);
  wrong("{\"a\":\"\xFF\"}",
        "not valid JSON at byte 7 of 9: syntax error while parsing value - invalid string: ill-formed UTF-8 "
        "byte",
        parse_json);
  wrong("{\"a\":1,\"a\":2",
        "not valid JSON at byte 12 of 12: syntax error while parsing object - unexpected "
        "end of input; expected '}'",
        parse_json);
}

TEST_CASE("deep nesting is refused before anything recursive sees it") {
  CHECK(parse_json(nested(64), "f.json").dump() == nested(64));
  wrong("{\"a\":\n" + nested(200000) + "}", "lists and objects are nested deeper than 64 at line 2", parse_json);
  CHECK(parse_json("[\"" + std::string(100, '[') + "\\\"[\", \"\\\\\", {}, {}]", "f.json").size() == 4);  // in texts
}

TEST_CASE("strictly, no key stands twice in one object") {
  const char* const twice = R"({"a":{"b":1},"c":[{"b":1,"b":2}]})";
  CHECK(parse_json(twice, "f.json")["c"][0]["b"] == 2);
  wrong(twice, "the field \"b\" stands twice in one object", parse_strict_json);
  CHECK(parse_strict_json(R"({"a":{"b":1},"b":[{"a":1},{"a":2}]})", "f.json")["b"].size() == 2);
  wrong("{\"" + std::string(300, 'k') + "\":1,\"" + std::string(300, 'k') + "\":1}",
        "the field \"" + std::string(56, 'k') + "... stands twice in one object", parse_strict_json);
}

TEST_CASE("values in messages are cut before a character") {
  CHECK(shown(Json("x")) == "\"x\"");
  CHECK(shown(Json(std::string(55, 'x') + "\u00e9\u00e9\u00e9")) == "\"" + std::string(55, 'x') + "...");
  const Json j = {{"a", nullptr}, {"b", 1}};
  CHECK_FALSE(has_field(j, "a"));
  CHECK_FALSE(has_field(j, "c"));
  CHECK(*find_field(j, "b") == 1);
}
