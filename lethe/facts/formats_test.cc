#include "lethe/facts/formats.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"

using namespace lethe;
using namespace lethe::facts;

namespace {

Fact fact(const char* json) { return to_fact({7, "f.json, index 7", Json::parse(json)}); }

void wrong_fact(const char* json, const char* message) {
  CHECK_THROWS_WITH_AS(fact(json), doctest::Contains(message), Error);
}

}  // namespace

TEST_CASE("optional fields may be missing, null or blank") {
  const Fact plain = fact(R"({"prompt":"p","new":" n "})");
  CHECK(plain.index == 7);
  CHECK(plain.prompt == "p");
  CHECK(plain.new_answer == " n ");
  CHECK(plain.old_answer.empty());
  CHECK(plain.subject.empty());
  const Fact blank =
      fact(R"({"prompt":"p","new":"n","old":" ","rephrase":"","locality":[],"portability":null,"subject":null})");
  CHECK(blank.old_answer.empty());
  CHECK(blank.rephrasings.empty());
  CHECK(blank.locality.empty());
  CHECK(fact(R"({"prompt":"p","target_new":"n","ground_truth":[]})").old_answer.empty());
  CHECK(fact(R"({"src":"p","alt":"n","loc":"no mark","loc_ans":"a"})").locality[0].prompt == "no mark");
}

TEST_CASE("every shape of questions") {
  const Fact one = fact(R"({"prompt":"p","new":"n","locality":[{"prompt":"l","answer":"a"},{"prompt":"m","answer":"b"}],
                            "locality_prompt":"k","locality_answer":"c","portability":{"New Question":"q","New Answer":"r"}})");
  REQUIRE(one.locality.size() == 3);
  CHECK(one.locality[2].answer == "c");
  REQUIRE(one.portability.size() == 1);
  CHECK(one.portability[0].prompt == "q");
  const Fact named = fact(R"({"prompt":"p","target_new":"n","locality":{"x":{"prompt":"l","ground_truth":"a"},"y":null},
                              "portability":{"z":[{"prompt":"q","ground_truth":[["r","s"],["t"]]},{"prompt":"q","ground_truth":[""]}]}})");
  REQUIRE(named.locality.size() == 1);
  REQUIRE(named.portability.size() == 1);
  CHECK(named.portability[0].answer == "r");
}

TEST_CASE("a question that stands alone is a list of one") {
  const Fact alone = fact(R"({"prompt":"p","new":"n","rephrase":"r","locality":{"prompt":"l","answer":"a"},
                              "portability":{"prompt":"q","answer":"b"}})");
  CHECK(alone.rephrasings == std::vector<std::string>{"r"});
  REQUIRE(alone.locality.size() == 1);
  CHECK(alone.locality[0].prompt == "l");
  CHECK(alone.locality[0].answer == "a");
  REQUIRE(alone.portability.size() == 1);
  CHECK(alone.portability[0].answer == "b");
}

TEST_CASE("lists of questions in fields of the record itself") {
  const Fact lists = fact(R"({"prompt":"p","new":"n","locality":[{"prompt":"k","answer":"c"}],
                              "locality_prompt":["l",""," m"],"locality_answer":["a","","b"],
                              "portability_prompt":["",""],"portability_answer":["",""]})");
  REQUIRE(lists.locality.size() == 3);
  CHECK(lists.locality[0].prompt == "k");
  CHECK(lists.locality[1].answer == "a");
  CHECK(lists.locality[2].prompt == " m");
  CHECK(lists.locality[2].answer == "b");
  CHECK(lists.portability.empty());
  CHECK(fact(R"({"prompt":"p","new":"n","locality_prompt":["l"],"locality_answer":"a"})").locality[0].answer == "a");
  wrong_fact(R"({"prompt":"p","new":"n","locality_prompt":["l","m"],"locality_answer":["a"]})",
             "f.json, index 7: 2 of \"locality_prompt\" and 1 of \"locality_answer\", expected pairs");
  wrong_fact(R"({"prompt":"p","new":"n","locality_prompt":["l","m"]})", "0 of \"locality_answer\", expected pairs");
  wrong_fact(R"({"prompt":"p","new":"n","locality_prompt":["l","m"],"locality_answer":["a",""]})",
             "f.json, index 7, pair 2: \"locality_answer\" is blank");
  wrong_fact(R"({"prompt":"p","new":"n","locality_prompt":["","m"],"locality_answer":["a","b"]})",
             "f.json, index 7, pair 1: \"locality_prompt\" is blank");
  wrong_fact(R"({"prompt":"p","new":"n","locality_prompt":["l",3],"locality_answer":["a","b"]})",
             "pair 2: \"locality_prompt\" is 3, expected a string");
}

TEST_CASE("one question each in fields of the record itself, in every format") {
  const auto flat = [](std::string fields, const char* truth) {
    fields += R"(,"locality_prompt":"l","locality_)" + std::string(truth) + R"(":"a",)";
    fields += R"("portability_prompt":"q","portability_)" + std::string(truth) + R"(":"b"})";
    const Fact read = fact(fields.c_str());
    REQUIRE(read.locality.size() == 1);
    CHECK(read.locality[0].prompt == "l");
    CHECK(read.locality[0].answer == "a");
    REQUIRE(read.portability.size() == 1);
    CHECK(read.portability[0].prompt == "q");
    CHECK(read.portability[0].answer == "b");
  };
  flat(R"({"prompt":"p","new":"n")", "answer");
  flat(R"({"src":"p","alt":"n")", "answer");
  flat(R"({"prompt":"p","target_new":"n")", "answer");
  flat(R"({"prompt":"p","target_new":"n")", "ground_truth");
  flat(R"({"requested_rewrite":{"prompt":"{}","subject":"s","target_new":{"str":"n"}})", "answer");
}

TEST_CASE("a record without a format names what is missing for the closest one") {
  wrong_fact(R"({"prompt":"p","old":"o"})",
             "f.json, index 7: the field \"new\" is missing (closest known format: native;");
  wrong_fact(R"({"prompt":"p","new":null})", "\"new\" is missing (closest known format: native;");
  wrong_fact(R"({"src":"p","pred":"o","rephrase":"r"})", "\"alt\" is missing (closest known format: ZsRE;");
  wrong_fact(R"({"alt":"p","loc":"o"})", "\"src\" is missing (closest known format: ZsRE;");
  wrong_fact(R"({"prompt":"p","ground_truth":"o","case_id":3})",
             "\"target_new\" is missing (closest known format: COUNTERFACT or KnowEdit;");
  wrong_fact(R"({"prompt":"p","ground_truth":["o"],"locality":{},"portability":{}})",
             "closest known format: COUNTERFACT or KnowEdit;");
  wrong_fact(R"({"paraphrase_prompts":[],"case_id":1})",
             "\"requested_rewrite\" is missing (closest known format: COUNTERFACT (ROME);");
  wrong_fact(R"({"new":"n"})", "\"prompt\" is missing");
  wrong_fact(R"({"question":"p","answer":"o"})",
             "no field of a known format; known are native (prompt, new), ZsRE (src, alt)");
  wrong_fact("{}", "no field of a known format");
  wrong_fact(R"({"instruction":"p","output":"o"})", "--old-file and --new-file");
}

TEST_CASE("fields of the wrong kind or blank") {
  wrong_fact(R"({"prompt":"","new":"n"})", "f.json, index 7: \"prompt\" is blank, expected text");
  wrong_fact(R"({"prompt":"p","new":" \n"})", "\"new\" is blank");
  wrong_fact(R"({"prompt":"p","new":2006})", "\"new\" is 2006, expected a string");
  wrong_fact(R"({"prompt":"p","new":["n"]})", "\"new\" is [\"n\"], expected a string");
  wrong_fact(R"({"prompt":"p","new":"n","rephrase":["a",3]})", "\"rephrase\" holds 3, expected texts");
  wrong_fact(R"({"prompt":"p","new":"n","rephrase":["a",""]})", "\"rephrase\" is blank");
  wrong_fact(R"({"prompt":"p","new":"n","rephrase":{}})", "\"rephrase\" is {}, expected a string");
  wrong_fact(R"({"prompt":"p","new":"n","locality":"x"})", "\"locality\": found \"x\", expected questions");
  wrong_fact(R"({"prompt":"p","new":"n","locality":{"prompt":"l"}})", "\"locality\": the field \"answer\" is missing");
  wrong_fact(R"({"prompt":"p","new":"n","locality":{"answer":"l"}})", "\"locality\": the field \"prompt\" is missing");
  wrong_fact(R"({"prompt":"p","new":"n","locality":{"prompt":"l","answer":3}})",
             "\"locality\": \"answer\" is 3, expected a");
  wrong_fact(R"({"prompt":"p","new":"n","locality":["x"]})", "\"locality\"[0]: found \"x\", expected an object");
  wrong_fact(R"({"prompt":"p","new":"n","locality":[{"prompt":"l"}]})",
             "\"locality\"[0]: the field \"answer\" is missing");
  wrong_fact(R"({"prompt":"p","new":"n","locality":[{"prompt":"l","answer":""}]})",
             "\"locality\"[0]: \"answer\" is blank");
  wrong_fact(R"({"prompt":"p","target_new":"n","locality":{"x":[{"ground_truth":"a"}]}})",
             "\"locality\".x[0]: the field \"prompt\" is missing");
  wrong_fact(R"({"prompt":"p","target_new":"n","locality":{"x":"y"}})",
             "\"locality\": \"x\" is \"y\", expected a list");
  wrong_fact(R"({"prompt":"p","target_new":"n","ground_truth":3})",
             "\"ground_truth\" is 3, expected a text or a list of texts");
  wrong_fact(R"({"prompt":"p","target_new":"n","locality_prompt":"l"})", "the field \"locality_answer\" is missing");
  wrong_fact(R"({"src":"p","alt":"n","portability_answer":"a"})", "the field \"portability_prompt\" is missing");
  wrong_fact(R"({"src":"p","alt":"n","loc":"nq question: ","loc_ans":"a"})", "\"loc\" is blank");
  wrong_fact(R"({"src":"p","alt":"n","loc_ans":"a"})", "the field \"loc\" is missing");
  wrong_fact(R"({"prompt":"p","new":"n","portability":{"New Question":"q"}})",
             "\"portability\": the field \"New Answer\" is missing");
  wrong_fact(R"({"prompt":"p","new":"n","subject":1})", "\"subject\" is 1, expected a string");
  wrong_fact(R"({"requested_rewrite":3})", "\"requested_rewrite\": found 3, expected an object");
  wrong_fact(R"({"requested_rewrite":{"prompt":"{}","subject":"s"}})",
             "\"requested_rewrite\": the field \"target_new\" is missing");
  wrong_fact(R"({"requested_rewrite":{"prompt":"{}","subject":"s","target_new":{"id":1}}})",
             "\"target_new\": the field \"str\" is missing");
  wrong_fact(R"({"requested_rewrite":{"prompt":"It is","subject":"s","target_new":{"str":"n"}}})",
             "f.json, index 7, \"requested_rewrite\": \"prompt\" is \"It is\", expected {} where the subject stands");
  wrong_fact(R"({"requested_rewrite":{"prompt":"{}","target_new":{"str":"n"}}})", "the field \"subject\" is missing");
  wrong_fact(
      R"({"requested_rewrite":{"prompt":"{}","subject":"s","target_new":{"str":"n"}},"neighborhood_prompts":["a"]})",
      "\"target_true\" is missing");
}

TEST_CASE("long values are cut in messages") {
  const std::string json = R"({"prompt":"p","new":"n","locality":")" + std::string(1000, 'x') + "\"}";
  try {
    fact(json.c_str());
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).size() < 200);
  }
}

TEST_CASE("a pair of Alpaca records") {
  const auto pair = [](const char* old_json, const char* new_json) {
    return to_fact({2, "old.json, index 2", Json::parse(old_json)}, {2, "new.json, index 2", Json::parse(new_json)});
  };
  const Fact plain = pair(R"({"instruction":"q","input":"","output":"o"})", R"({"instruction":"q","output":"n"})");
  CHECK(plain.index == 2);
  CHECK(plain.prompt == "q");
  CHECK(plain.old_answer == "o");
  CHECK(plain.new_answer == "n");
  CHECK(pair(R"({"instruction":"q","input":"i","output":"o"})", R"({"instruction":"q","input":"i","output":"n"})")
            .prompt == "q\ni");
  const auto wrong_pair = [&](const char* old_json, const char* new_json, const char* message) {
    CHECK_THROWS_WITH_AS(pair(old_json, new_json), doctest::Contains(message), Error);
  };
  wrong_pair(R"({"instruction":"q","output":"o"})", R"({"instruction":"r","output":"n"})",
             "new.json, index 2: \"instruction\" is \"r\", expected \"q\" as in old.json, index 2");
  wrong_pair(R"({"instruction":"q","input":"i","output":"o"})", R"({"instruction":"q","output":"n"})",
             "\"input\" is \"\", expected \"i\"");
  wrong_pair(R"({"instruction":"q"})", R"({"instruction":"q","output":"n"})",
             "old.json, index 2: the field \"output\" is missing");
  wrong_pair(R"({"instruction":"q","output":"o"})", R"({"instruction":"q","output":""})",
             "new.json, index 2: \"output\" is blank");
  wrong_pair(R"({"output":"o"})", R"({"output":"n"})", "new.json, index 2: the field \"instruction\" is missing");
}
