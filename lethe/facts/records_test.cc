#include "lethe/facts/records.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"
#include "tests/temp_dir.h"

using namespace lethe;
using namespace lethe::facts;

namespace {

std::vector<Record> records(const std::string& text, int64_t limit = 0) {
  TempDir dir;
  write_file(dir / "facts", text);
  return read_records(dir / "facts", limit);
}

void wrong_file(const std::string& text, const char* message) {
  CHECK_THROWS_WITH_AS(records(text), doctest::Contains(message), Error);
}

}  // namespace

TEST_CASE("a list, one object, lines and CSV are told by their content") {
  CHECK(records(R"([{"a":1},{"a":2}])").size() == 2);
  CHECK(records("\n [\n{\"a\":1},\n{\"a\":2}]\n").size() == 2);
  CHECK(records("{\n \"a\": {\"b\": 2}\n}\n").size() == 1);
  CHECK(records("{\"a\": {}, \"b\": {}\n}\n").size() == 1);
  CHECK(records("{\"a\":1}").size() == 1);
  const auto lines = records("\xEF\xBB\xBF{\"a\":1}\r\n\r\n{\"a\":2}\n{\"a\":{\"b\":3}}");
  REQUIRE(lines.size() == 3);
  CHECK(lines[1].index == 1);
  CHECK(lines[1].fields["a"] == 2);
  CHECK(lines[1].where.ends_with("/facts, index 1 (line 3)"));
  const auto rows = records("\xEF\xBB\xBFprompt,new,rephrase,note\n\"[x\",2006,\"[\"\"y\"\"]\",\n");
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].fields == Json::parse(R"({"prompt":"[x","new":"2006","rephrase":["y"]})"));
  CHECK(rows[0].where.ends_with("/facts, index 0 (line 2)"));
}

TEST_CASE("columns that stand several times in CSV are lists") {
  const auto rows = records(
      "prompt,new,rephrase,rephrase,locality_prompt,locality_answer,locality_prompt,locality_answer,,\n"
      "p,n,r,s,l,a,m,b,0,1\n"
      "p,n,,\"[\"\"t\"\",\"\"u\"\"]\",,,m,b,0,1\n"
      "p,n,, ,,,,,0,1\n");
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].fields == Json::parse(R"({"prompt":"p","new":"n","rephrase":["r","s"],"locality_prompt":["l","m"],
                                          "locality_answer":["a","b"]})"));
  CHECK(rows[1].fields == Json::parse(R"({"prompt":"p","new":"n","rephrase":["t","u"],"locality_prompt":["","m"],
                                          "locality_answer":["","b"]})"));
  CHECK_FALSE(rows[2].fields.contains("rephrase"));
  wrong_file("prompt,new,prompt\na,b,c\n", "/facts: the header names the column \"prompt\" twice");
  wrong_file("prompt,new,locality,locality\na,b,,\n", "/facts: the header names the column \"locality\" twice");
}

TEST_CASE("a limit reads no further") {
  CHECK(records("{\"a\":1}\n{\"a\":2}\nbroken", 2).size() == 2);
  CHECK(records("[{\"a\":1},{\"a\":2},3]", 2).size() == 2);
  CHECK(records("prompt\n1\n2\n3,3\n", 2).size() == 2);
}

TEST_CASE("broken files say where") {
  wrong_file("", "/facts: empty, expected facts");
  wrong_file("\xEF\xBB\xBF \n", "/facts: empty, expected facts");
  wrong_file("[]", "/facts: an empty list");
  wrong_file("[{\"a\":1},", "/facts: not valid JSON at byte");
  wrong_file("{\"a\":1}\n{\"a\":", "/facts, index 1 (line 2): not valid JSON");
  wrong_file("{\"a\":1, \"b\n{\"a\":2}", "/facts, index 0 (line 1): not valid JSON");
  wrong_file("{\n\"a\":1,\n", "/facts: not valid JSON at line 3");
  wrong_file("[{\"a\":1}, [2]]", "/facts, index 1: found an array, expected an object");
  wrong_file("[7]", "/facts, index 0: found a number, expected an object");
  wrong_file("{\"a\":1}\n[1]\n", "index 1 (line 2): found an array");
  wrong_file("{\"a\":{\"b\":1,\"b\":2}}", "index 0 (line 1): the field \"b\" stands twice");
  wrong_file("[{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}]", "nested deeper than 64");
  wrong_file("{\"a\":\"\xFF\"}", "not valid JSON");
  wrong_file("prompt,new\n", "a header line and nothing else");
  wrong_file("prompt,new\na,\xFF\n", "index 0 (line 2): the text is not UTF-8");
  wrong_file("prompt,new,\xFF\na,b,c\n", "index 0 (line 2): the text is not UTF-8");
  wrong_file("prompt,new,rephrase\na,b,[1\n", "index 0 (line 2), column rephrase: not valid JSON");
  wrong_file("What is this?\n", "neither JSON (a list, lines or one object) nor CSV");
  wrong_file(std::string("\x08\0\0\0\0\xFF\0\0{", 9), "it begins with \"\\b\\u0000");
  CHECK_THROWS_WITH_AS(read_records("/no/such/file"), doctest::Contains("/no/such/file"), Error);
  CHECK_THROWS_WITH_AS(read_records("/tmp"), doctest::Contains("is a directory"), Error);
  const TempDir world;
  write_file(world / "facts-questions.jsonl", "");
  CHECK_THROWS_WITH_AS(read_records(world.path()),
                       doctest::Contains("is a changed world, expected a file of facts: give"), Error);
}
