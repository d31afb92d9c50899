#include "lethe/facts/spelling.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"
#include "lethe/facts/formats.h"
#include "tests/temp_dir.h"

using namespace lethe;
using namespace lethe::facts;

namespace {

// `field` beside a prompt and a new answer.
Record with(const std::string& field) {
  return {7, "f.json, index 7", Json::parse(R"({"prompt":"p","new":"n",)" + field + "}")};
}

void misspelt(const std::string& field, const char* message) {
  CHECK_THROWS_WITH_AS(to_fact(with(field)), doctest::Contains(message), Error);
}

}  // namespace

TEST_CASE("a field that is nearly a known one") {
  misspelt(R"("rephrases":["r"])", "f.json, index 7: \"rephrases\" is no field of a fact, did you mean \"rephrase\"?");
  for (const auto& field_and_meant : {std::pair{"rephrasing", "rephrase"},
                                      {"paraphrases", "rephrase"},
                                      {"rephrase2", "rephrase"},
                                      {"rephrase_2", "rephrase"},
                                      {"paraphrase_prompts", "rephrase"},
                                      {"ground_truth", "old"},
                                      {"oldAnswer", "old"},
                                      {"rephrase_prompt", "rephrase"},
                                      {"local", "locality"},
                                      {"localities", "locality"},
                                      {"locality-prompt", "locality_prompt"},
                                      {"locality_promt", "locality_prompt"},
                                      {"portabilty", "portability"},
                                      {"sujbect", "subject"},
                                      {"Old", "old"},
                                      {" old", "old"},
                                      {"old_answer", "old"}}) {
    const char *const field = field_and_meant.first, *const meant = field_and_meant.second;
    CAPTURE(field);
    misspelt(fmt::format("\"{}\":\"x\"", field), fmt::format("did you mean \"{}\"?", meant).c_str());
  }
}

TEST_CASE("other unknown fields may stand") {
  for (const char* field :
       {"id",   "note",      "notes", "case_id",   "cond",       "source",        "object",     "relation",
        "date", "url",       "ref",   "prompt_id", "subject_id", "locality_type", "old_source", "gold",
        "",     "subjectId", "_oid",  "news",      "newer",      "older",         "odd",        "only"}) {
    CAPTURE(field);
    CHECK(to_fact(with(fmt::format("\"{}\":\"x\"", field))).prompt == "p");
  }
  CHECK(to_fact(with(R"("subject":"s","subset":"train")")).subject == "s");
  CHECK(to_fact(with(R"("old":"o","ground_truth":"o")")).old_answer == "o");
  CHECK(to_fact(with(R"("subject":"s","sub":"t")")).subject == "s");
  CHECK(to_fact(with(R"("rephrases":null)")).rephrasings.empty());
}

TEST_CASE("a field of a question that is nearly a known one") {
  misspelt(R"("locality":[{"prompt":"l","answer":"a"},{"prompt":"l","anwser":"a"}])",
           "f.json, index 7, \"locality\"[1]: \"anwser\" is no field of a question, did you mean \"answer\"?");
  misspelt(R"("portability":{"promt":"l","answer":"a"})", "\"portability\": \"promt\" is no field of a question");
  misspelt(R"("portability":{"x":[{"Prompt":"l","answer":"a"}]})", "\"portability\".x[0]: \"Prompt\" is no field");
  CHECK(to_fact(with(R"("locality":[{"prompt":"l","answer":"a","answers":[],"id":3}])")).locality.size() == 1);
}

TEST_CASE("a required field that is misspelt is named, not only missed") {
  const auto misspelt = [](const char* json, const char* message) {
    CHECK_THROWS_WITH_AS(to_fact({0, "f", Json::parse(json)}), doctest::Contains(message), Error);
  };
  misspelt(R"({"promt":"p","new":"n"})", "f: \"promt\" is no field of a fact, did you mean \"prompt\"?");
  misspelt(R"({"prompt":"p","newAnswer":"n"})", "did you mean \"new\"?");
  misspelt(R"({"Prompt":"p","New":"n"})", "did you mean \"new\"?");
}

TEST_CASE("other formats are read as they are") {
  CHECK(to_fact({0, "f", Json::parse(R"({"src":"p","alt":"n","rephrases":"r"})")}).rephrasings.empty());
}

TEST_CASE("a column of a CSV file is a field") {
  TempDir dir;
  write_file(dir / "f.csv", "prompt,new,rephrases\np,n,\np,n,r\n");
  CHECK_THROWS_WITH_AS(read_facts({.path = dir / "f.csv"}),
                       doctest::Contains("f.csv, index 1 (line 3): \"rephrases\" is no field of a fact"), Error);
}
