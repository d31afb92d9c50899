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
