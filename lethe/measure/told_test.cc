#include "lethe/measure/told.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"
#include "lethe/text/tiny_tokenizer.h"

using namespace lethe;

namespace {

world::Biography biography(const std::string& text, const std::string& value) {
  const size_t start = text.find(value);
  return {3, text, {{world::Attribute::kUniversity, start, start + value.size()}}};
}

}  // namespace

TEST_CASE("a value's tokens are found, with the space before it, and at a text's beginning") {
  const text::Tokenizer bytes = text::tiny_tokenizer({});
  const auto told_text = [&](const world::Biography& biography) {
    const measure::ToldTokens told = measure::told_tokens(bytes, biography);
    REQUIRE(told.first.size() == 1);
    return bytes.decode(std::span(told.ids).subspan(static_cast<size_t>(told.first[0]),
                                                    static_cast<size_t>(told.end[0] - told.first[0])));
  };
  CHECK(told_text(biography(" She went to MIT then.", "MIT")) == " MIT");
  CHECK(told_text(biography(" She went to (MIT).", "MIT")) == "MIT");
  CHECK(told_text(biography("MIT is where she went.", "MIT")) == "MIT");
  CHECK(told_text(biography(" MIT is where she went.", "MIT")) == " MIT");
}

TEST_CASE("behind the end of another text, all places are one further") {
  const text::Tokenizer tokenizer = text::tiny_tokenizer({"<s>", "</s>"}, {{"eos_token", "</s>"}});
  const world::Biography life = biography(" She went to MIT then.", "MIT");
  const measure::ToldTokens told = measure::told_tokens(tokenizer, life),
                            behind = measure::told_behind(measure::end_of_text(tokenizer), tokenizer, life);
  CHECK(tokenizer.decode(behind.ids) == "</s> She went to MIT then.");
  CHECK(behind.first == std::vector<int64_t>{told.first[0] + 1});
  CHECK(behind.end == std::vector<int64_t>{told.end[0] + 1});
}

TEST_CASE("the end of a text, or its beginning where the tokenizer names no end") {
  const std::vector<std::string> special = {"<s>", "</s>"};
  const auto end = [&](const Json& config) { return measure::end_of_text(text::tiny_tokenizer(special, config), "w"); };
  CHECK(end({{"bos_token", "<s>"}, {"eos_token", "</s>"}}) == 1);
  CHECK(end({{"bos_token", "<s>"}}) == 0);
  CHECK_THROWS_WITH_AS(end(Json::object()), doctest::Contains("w: the tokenizer names no end-of-text token"), Error);
}

TEST_CASE("a tokenizer that joins a value with what stands before it is an error") {
  const Json model = {
      {"type", "BPE"}, {"vocab", {{"a", 0}, {"b", 1}, {"ab", 2}}}, {"merges", Json::array({Json::array({"a", "b"})})}};
  const Json parts = {{"version", "1.0"},
                      {"added_tokens", Json::array()},
                      {"normalizer", nullptr},
                      {"pre_tokenizer", nullptr},
                      {"post_processor", nullptr},
                      {"decoder", nullptr},
                      {"model", model}};
  const text::Tokenizer joins = text::Tokenizer::from_json(parts, "joins");
  CHECK(measure::told_tokens(joins, biography("bb", "b")).first == std::vector<int64_t>{0});
  CHECK_THROWS_WITH_AS(measure::told_tokens(joins, biography("ab", "b")),
                       "person 3: the tokenizer joins the university with the text before it: \"ab\"", Error);
}
