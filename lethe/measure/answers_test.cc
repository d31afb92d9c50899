#include "lethe/measure/answers.h"

#include <doctest/doctest.h>

#include <cmath>

#include "lethe/measure/measure_testing.h"

using namespace lethe;
using namespace lethe::measure;

TEST_CASE("greedy answers: what follows, to the end-of-text token or so many tokens, trimmed") {
  const Tiny tiny;
  const text::Template format{text::parse_template("none"), "llama"};
  const auto stops = stop_ids(tiny.files.config(), &tiny.tokenizer);
  REQUIRE_FALSE(stops.empty());
  // sun -> big -> end of text: each embedding's product with the next is the largest.
  std::vector<int32_t> chain = {text::encode_prompt(tiny.tokenizer, format, "The sun").back()};
  const text::Example pair = text::encode_pair(tiny.tokenizer, format, "The sun", "big");
  for (size_t i = 0; i < pair.ids.size(); ++i)
    if (pair.labels[i] != text::kNoTarget) chain.push_back(pair.ids[i]);
  const auto answer_tokens = static_cast<int64_t>(chain.size()) - 1;
  chain.push_back(stops[0]);
  std::map<int32_t, std::vector<float>> embeddings;
  for (size_t i = 0; i < chain.size(); ++i) {
    std::vector<float> row(chain.size(), 0);
    row[i] = std::pow(4.0f, static_cast<float>(i));
    if (i > 0) row[i - 1] = 2 * row[i];
    embeddings[chain[i]] = row;
  }
  REQUIRE(embeddings.size() == chain.size());
  model::Transformer model = tiny.of_embeddings(embeddings);
  CHECK(greedy_answers({model, "tiny"}, tiny.tokenizer, format, {"The sun", "The sun"}) ==
        std::vector<std::string>{"big", "big"});
  CHECK(greedy_answers({model, "tiny"}, tiny.tokenizer, format, {"The sun"}, answer_tokens)[0] == "big");
  const auto many = greedy_answers({model, "tiny"}, tiny.tokenizer, format, std::vector<std::string>(70, "The sun"));
  CHECK(many == std::vector<std::string>(70, "big"));
  const std::string one = greedy_answers({model, "tiny"}, tiny.tokenizer, format, {"The sun"}, 1)[0];
  CHECK(std::string("big").starts_with(one));
  CHECK(one != "big");
  CHECK(greedy_answers({model, "tiny"}, tiny.tokenizer, format, {}).empty());
}

TEST_CASE("the first sentence of an answer: a short form's stop ends none, unless a sentence begins behind it") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {" Paris. It is the capital", "Paris"},
      {"Paris\nParis is", "Paris"},
      {"Paris.\r\nQ: who", "Paris"},
      {"Paris! And", "Paris"},
      {" who? me", "who"},
      {"3.5 miles. So", "3.5 miles"},
      {"the U.S. dollar.", "the U.S. dollar"},
      {"the U.S.", "the U.S."},
      {"St. Louis, Missouri. The", "St. Louis, Missouri"},
      {"Washington, D.C. It is", "Washington, D.C."},
      {"John F. Kennedy.", "John F. Kennedy"},
      {"Dr. Who", "Dr. Who"},
      {"Martin Luther King Jr. He was", "Martin Luther King Jr."},
      {"Vitamin C.", "Vitamin C"},
      {"Vitamin C. It is", "Vitamin C"},
      {"No. It is", "No"},
      {"(St. Louis)", "(St. Louis)"},
      {"\"St. Louis\"", "\"St. Louis\""},
      {"Malcolm X. Malcolm X was", "Malcolm X"},
      {"Washington, D.C. Washington is", "Washington, D.C."},
      {"A. A. Milne. He wrote", "A. A. Milne"},
      {"It does. Stop", "It does"},
      {"...", ".."},
      {".", ""},
      {" \n", ""},
      {"", ""},
  };
  for (const auto& [text, sentence] : cases) {
    CAPTURE(text);
    CHECK(first_sentence(text) == sentence);
  }
}
