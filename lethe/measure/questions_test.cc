#include "lethe/measure/questions.h"

#include <doctest/doctest.h>

#include <cmath>

#include "lethe/base/error.h"
#include "lethe/measure/measure_testing.h"
#include "lethe/model/new_model.h"

using namespace lethe;
using namespace lethe::measure;
using world::Attribute;
using world::Question;

namespace {

Question about(Attribute attribute, const std::string& prompt, const std::string& completion) {
  return {0, attribute, world::Split::kTest, prompt, completion};
}

const QuestionScore& of(const QuestionScores& scores, Attribute attribute) {
  return scores.attributes[static_cast<size_t>(attribute)];
}

void check_score(const QuestionScore& score, int64_t count, double exact_match, double first_token) {
  CHECK(score.count == count);
  CHECK(score.exact_match == doctest::Approx(exact_match));
  CHECK(score.first_token == doctest::Approx(first_token));
}

}  // namespace

TEST_CASE("answers of a causal model: what is right, what is wrong, and what only a search finds") {
  const Tiny tiny;
  // Products of embeddings are logits. R follows Q and S follows R. Of what follows P, B is a little more probable than
  // C; but behind B eight tokens are alike, behind C there is D alone: "CD" is more probable than any "B.".
  std::map<int32_t, std::vector<float>> embeddings;
  const auto plant = [&](const std::string& token, const std::map<size_t, float>& row) {
    const std::vector<int32_t> ids = tiny.tokenizer.encode(token, false);
    REQUIRE(ids.size() == 1);
    std::vector<float>& values = embeddings[ids[0]];
    values.resize(static_cast<size_t>(tiny.files.config().hidden_size));
    for (const auto& [at, value] : row) values[at] = value;
  };
  plant("P", {{0, 1}});
  plant("B", {{0, 8.1f}, {1, 4}});
  for (const char* token : {"E", "F", "G", "H", "I", "J", "K", "L"}) plant(token, {{1, 32}});
  plant("C", {{0, 8}, {2, 4}});
  plant("D", {{2, 32}});
  plant("Q", {{3, 1}});
  plant("R", {{3, 8}, {4, 4}});
  plant("S", {{4, 32}});
  model::Transformer transformer = tiny.of_embeddings(embeddings);
  const NamedModel model{transformer, "planted"};

  std::vector<Question> questions;
  for (int i = 0; i < 100; ++i) {  // more than are searched at once
    questions.push_back(about(Attribute::kMajor, "P", "CD"));
    questions.push_back(about(Attribute::kCompany, "Q", i % 4 == 0 ? "RR" : "RS"));
    questions.push_back(about(Attribute::kUniversity, "Q", "SR"));
  }
  const auto score = [&](int64_t num_beams) {
    return scores_of(questions, answer_questions(model, tiny.tokenizer, questions, "ask", num_beams));
  };
  const QuestionScores greedy = score(1), searched = score(4);
  check_score(of(greedy, Attribute::kMajor), 100, 0, 0);
  check_score(of(searched, Attribute::kMajor), 100, 100, 0);  // the first token is the model's, without a search
  for (const QuestionScores* scores : {&greedy, &searched}) {
    check_score(of(*scores, Attribute::kCompany), 100, 75, 100);
    check_score(of(*scores, Attribute::kUniversity), 100, 0, 0);
    CHECK(of(*scores, Attribute::kBirthDate).count == 0);
  }
  CHECK(greedy.mean().exact_match == doctest::Approx(25));
  CHECK(greedy.json()["mean"]["first_token"].get<double>() == doctest::Approx(100.0 / 3));
  CHECK(spoken_answers(model, tiny.tokenizer, {questions[1]})[0].starts_with("RS"));
}

TEST_CASE("answers of a model that reads both ways: every hidden token must be recovered") {
  const Tiny tiny;
  const int32_t mask = mask_id(tiny.tokenizer);
  CHECK(mask == tiny.tokenizer.size());
  const model::NewModel made{.family = "gbert",
                             .layers = 1,
                             .heads = 2,
                             .hidden_size = 32,
                             .vocab_size = mask + 1,
                             .max_positions = 32,
                             .bos_id = 0,
                             .eos_id = 0};
  model::Transformer transformer =
      model::new_transformer(model::read_config(model::new_config(made), "new"), tensor::DType::kF32, 1, false);
  // D everywhere.
  const model::Parameters::Slot& embedding = transformer.parameters().slots()[0];
  std::vector<float> rows(static_cast<size_t>(embedding.spec.size()));
  for (size_t i = 0; i < rows.size(); ++i)
    rows[i] = (i % 2 == 0 ? 1.0f : -1.0f) * (static_cast<int32_t>(i / 32) == tiny.tokenizer.id("D") ? 10.0f : 1.0f);
  transformer.parameters().set(embedding, rows.data());
  std::vector<Question> questions;
  for (int i = 0; i < 120; ++i) {  // more than one batch
    questions.push_back(about(Attribute::kMajor, "ABCDEFGHIJKL", i < 90 ? "DD" : "DC"));
    questions.push_back(about(Attribute::kCompany, "ABCDEFGHIJKL", "CD"));
    questions.push_back(about(Attribute::kUniversity, "ABCDEFGHIJKL", "DDD"));
  }
  const NamedModel model{transformer, "planted"};
  const QuestionScores scores = scores_of(questions, answer_questions(model, tiny.tokenizer, questions, "ask"));
  check_score(of(scores, Attribute::kMajor), 120, 75, 100);
  check_score(of(scores, Attribute::kCompany), 120, 0, 0);
  check_score(of(scores, Attribute::kUniversity), 120, 100, 100);
  CHECK(spoken_answers(model, tiny.tokenizer, {questions[0], questions[2]}) == std::vector<std::string>{"DD", "DDD"});

  transformer.parameters().set(embedding, std::vector<float>(rows.size(), NAN).data());
  const char* const error = "planted: the model's outputs are not numbers";
  CHECK_THROWS_WITH_AS(answer_questions(model, tiny.tokenizer, questions, "ask"), doctest::Contains(error), Error);
  CHECK_THROWS_WITH_AS(spoken_answers(model, tiny.tokenizer, questions), doctest::Contains(error), Error);
}
