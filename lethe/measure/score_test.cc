#include "lethe/measure/score.h"

#include <doctest/doctest.h>

#include <cmath>

#include "lethe/base/error.h"
#include "lethe/base/random.h"
#include "lethe/measure/measure_testing.h"

using namespace lethe;
using namespace lethe::measure;

namespace {

text::Example example(const std::vector<int32_t>& prompt, const std::vector<int32_t>& answer) {
  text::Example e;
  e.append(prompt, false);
  e.append(answer, true);
  return e;
}

std::vector<int32_t> draw(Random& random, size_t count, int64_t vocab) {
  std::vector<int32_t> ids(count);
  for (int32_t& id : ids) id = static_cast<int32_t>(random.below(static_cast<uint64_t>(vocab)));
  return ids;
}

void check_near(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) CHECK(std::abs(a[i] - b[i]) < 1e-4);
}

}  // namespace

TEST_CASE("an answer's score: the share of its tokens that are the argmax, and its probability") {
  const AnswerScore score = {{1, 2, 3}, {1, 0, 3}, {0.5f, 0.25f, 1}};
  CHECK(score.token_accuracy(score.ids) == 2.0 / 3);
  CHECK(score.token_accuracy({1, 0, 3}) == 1);
  CHECK(score.token_accuracy({7, 7, 7}) == 0);
  CHECK(score.log_probability() == -1.75);
  CHECK_THROWS_AS(score.token_accuracy({1}), Error);
}

TEST_CASE("where all tokens are equally probable, each costs ln V") {
  const Tiny tiny;
  model::Transformer model = tiny.constant(0);
  const float each = std::log(static_cast<float>(model.config().vocab_size));
  const auto scores = score_answers({model, "m"}, {example({1, 2}, {3}), example({1, 2}, {4, 5, 6})}, "test");
  REQUIRE(scores.size() == 2);
  CHECK(scores[0].ids == std::vector<int32_t>{3});
  CHECK(scores[1].ids == std::vector<int32_t>{4, 5, 6});
  check_near(scores[0].nll, {each});
  check_near(scores[1].nll, {each, each, each});
  CHECK(scores[1].argmax.size() == 3);
}

TEST_CASE("answers that share a prompt, over the edges of many batches, are scored as if alone") {
  const Tiny tiny;
  model::Transformer model = model::Transformer::load(tiny.files, tensor::DType::kF32, false);
  const int64_t vocab = model.config().vocab_size;
  Random random(1, "score");
  std::vector<text::Example> examples;
  for (int i = 0; i < 150; ++i) {
    const auto prompt = draw(random, 20 + static_cast<size_t>(random.below(20)), vocab);
    for (uint64_t answers = 1 + random.below(3); answers > 0; --answers)
      examples.push_back(example(prompt, draw(random, 1 + static_cast<size_t>(random.below(4)), vocab)));
  }
  // More answers to one prompt than fit a batch.
  const auto prompt = draw(random, 10, vocab);
  for (int i = 0; i < 1000; ++i) examples.push_back(example(prompt, draw(random, 6, vocab)));
  const std::vector<AnswerScore> shared = score_answers({model, "m"}, examples, "test");
  REQUIRE(shared.size() == examples.size());
  size_t next = 0;
  score_examples({model, "m"}, examples, "test", [&](size_t index, const model::TargetScores& alone) {
    CHECK(index == next++);
    check_near(shared[index].nll, alone.nll);
    CHECK(shared[index].argmax == alone.argmax);
  });
  CHECK(next == examples.size());
  for (size_t i : {size_t{0}, size_t{77}, examples.size() - 1})
    check_near(score_answers({model, "m"}, {examples[i]}, "test")[0].nll, shared[i].nll);
}

TEST_CASE("targets anywhere in an example are scored, and an example without one is empty") {
  const Tiny tiny;
  model::Transformer model = tiny.constant(0);
  const std::vector<text::Example> examples = {
      {{1, 2, 3, 4}, {-100, 2, -100, 4}}, {{1, 2}, {-100, -100}}, {{5, 6}, {-100, 6}}};
  std::vector<size_t> counts;
  score_examples({model, "m"}, examples, "test",
                 [&](size_t, const model::TargetScores& s) { counts.push_back(s.nll.size()); });
  CHECK(counts == std::vector<size_t>{2, 0, 1});
  CHECK_THROWS_WITH_AS(score_answers({model, "m"}, {examples[0]}, "test"), doctest::Contains("one run"), Error);
  CHECK_THROWS_WITH_AS(score_answers({model, "m"}, {examples[1]}, "test"), doctest::Contains("no answer"), Error);
}

TEST_CASE("outputs that are no numbers are an error that names the model") {
  const Tiny tiny;
  model::Transformer model = tiny.constant(NAN);
  const std::vector<text::Example> examples = {example({1, 2}, {3})};
  CHECK_THROWS_WITH_AS(score_answers({model, "models/x"}, examples, "test"),
                       doctest::Contains("models/x: the model's outputs are not numbers"), Error);
  CHECK_THROWS_WITH_AS(score_examples({model, "models/x"}, examples, "test", [](size_t, const auto&) {}),
                       doctest::Contains("models/x: the model's outputs are not numbers"), Error);
}
