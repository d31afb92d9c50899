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
