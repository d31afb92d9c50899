#include "lethe/measure/evaluate.h"

#include <doctest/doctest.h>

#include <cmath>

#include "lethe/base/error.h"
#include "lethe/measure/measure_testing.h"

using namespace lethe;
using namespace lethe::measure;

namespace {

const text::Template kPlain{text::parse_template("none"), "llama"};

facts::Fact fact(const char* prompt, const char* old_answer, const char* new_answer) {
  facts::Fact f;
  f.where = "facts, index 0";
  f.prompt = prompt;
  f.old_answer = old_answer;
  f.new_answer = new_answer;
  return f;
}

size_t tokens_of(const Tiny& tiny, const char* prompt, const char* answer) {
  return static_cast<size_t>(text::encode_pair(tiny.tokenizer, kPlain, prompt, answer).target_count());
}

}  // namespace

TEST_CASE("where all tokens are equally probable, probabilities follow from lengths") {
  const Tiny tiny;
  model::Transformer model = tiny.constant(0);
  const double v = static_cast<double>(model.config().vocab_size);
  facts::Fact one = fact("The cat", "is up", "ran"), two = fact("The sun", "", "big");
  one.rephrasings = {"A cat"};
  one.locality = {{"The moon", "is up"}};
  const double p_new = std::pow(v, -static_cast<double>(tokens_of(tiny, "The cat", "ran"))),
               p_old = std::pow(v, -static_cast<double>(tokens_of(tiny, "The cat", "is up")));
  REQUIRE(p_new != p_old);

  const EvaluationDetail detail = evaluate({model, "m"}, tiny.tokenizer, kPlain, {one, two});
  const Evaluation& e = detail.summary;
  CHECK(e.facts == 2);
  CHECK(e.reliability.count == 2);
  CHECK(e.reliability.compared == 1);  // the other one has no old answer
  CHECK(e.reliability.success == (p_new > p_old ? 100 : 0));
  CHECK(e.reliability.magnitude == doctest::Approx(100 * (p_new - p_old)).epsilon(1e-3));
  CHECK(e.old_reliability.count == 1);
  CHECK(e.old_reliability.success == (p_old > p_new ? 100 : 0));
  CHECK(e.old_reliability.magnitude == doctest::Approx(100 * (p_old - p_new)).epsilon(1e-3));
  CHECK(e.generality.count == 1);
  CHECK(e.locality.count == 1);
  CHECK(e.portability.count == 0);
  CHECK(detail.rows.size() == 2);
  REQUIRE(detail.locality.size() == 2);
  CHECK(detail.locality[0][0].size() == tokens_of(tiny, "The moon", "is up"));
  CHECK(detail.locality[1].empty());

  // Against the model's own answers nothing has changed.
  const Measure same = evaluate({model, "m"}, tiny.tokenizer, kPlain, {one, two}, &detail.locality).summary.locality;
  CHECK(same.token_accuracy == 100);
  CHECK(same.exact_match == 100);
  CHECK(locality_answers({model, "m"}, tiny.tokenizer, kPlain, {one, two}) == detail.locality);

  const OrderedJson json = e.json();
  CHECK(json["portability"]["token_accuracy"].is_null());  // nothing was asked
  CHECK(json["portability"]["count"] == 0);
  CHECK(json["reliability"]["count"] == 2);
  CHECK(json["old"]["reliability"]["count"] == 1);
}

TEST_CASE("several questions of a fact count as their mean, then the facts'") {
  const Tiny tiny;
  // "big" is what follows "sun": a chain of embeddings in which each product with the next is the largest.
  const auto last = text::encode_prompt(tiny.tokenizer, kPlain, "The sun").back();
  const text::Example answer = text::encode_pair(tiny.tokenizer, kPlain, "The sun", "big");
  std::vector<int32_t> chain = {last};
  for (size_t i = 0; i < answer.ids.size(); ++i)
    if (answer.labels[i] != text::kNoTarget) chain.push_back(answer.ids[i]);
  std::map<int32_t, std::vector<float>> embeddings;
  for (size_t i = 0; i < chain.size(); ++i) {  // orthogonal but to the neighbours, which grow
    std::vector<float> row(chain.size() + 1, 0);
    row[i] = std::pow(4.0f, static_cast<float>(i));
    if (i > 0) row[i - 1] = 2 * row[i];
    embeddings[chain[i]] = row;
  }
  REQUIRE(embeddings.size() == chain.size());  // no token twice
  model::Transformer model = tiny.of_embeddings(embeddings);
  facts::Fact known = fact("The sun", "", "big"), unknown = fact("The sun", "", "is up");
  known.portability = {{"The sun", "big"}, {"The sun", "is up"}};
  unknown.portability = {{"The sun", "is up"}};
  const Evaluation e = evaluate({model, "m"}, tiny.tokenizer, kPlain, {known, unknown}).summary;
  CHECK(e.reliability.exact_match == 50);
  CHECK(e.portability.exact_match == 25);  // (1/2 + 0) / 2
  CHECK(e.portability.count == 2);
}

TEST_CASE("the table: columns of each measure; no line of what was not asked") {
  Evaluation e;
  e.reliability = {50, 25, 75, 10, 4, 4};
  const auto has = [](const std::string& table, const char* line) { return table.find(line) != std::string::npos; };
  const std::string two = evaluation_table({{"before", e}, {"after", e}});
  CHECK(
      two.starts_with("percent                        token accuracy     exact match         success\n"
                      "                               before   after  before   after  before   after\n"));
  CHECK(has(two, "reliability (new answers)        50.0    50.0    25.0    25.0    75.0    75.0\n"));
  CHECK_FALSE(has(two, "generality"));
  CHECK(has(two, "locality was not measured"));

  e.locality = {40, 30, 0, 0, 4, 0};
  Evaluation after = e;
  after.locality_compares_models = true;
  const std::string one = evaluation_table({{"model", e}});
  CHECK(one.starts_with("model\npercent "));
  CHECK(has(one, "locality (the file's answers)            40.0            30.0\n"));
  CHECK_FALSE(has(one, "not measured"));
  // What is not comparable does not stand side by side.
  CHECK(has(evaluation_table({{"before", e}, {"after", after}}),
            "locality (as before)                     40.0            30.0\n"));
}

TEST_CASE("questions that cannot be asked begin with the place of their fact") {
  const Tiny tiny;
  facts::Fact empty = fact("The cat", "", "");
  empty.new_answer = "";
  CHECK_THROWS_WITH_AS(check_questions(tiny.tokenizer, kPlain, 64, {empty}), doctest::Contains("facts, index 0: "),
                       Error);
  CHECK_THROWS_WITH_AS(check_questions(tiny.tokenizer, kPlain, 3, {fact("The cat is", "", "big")}),
                       doctest::Contains("the model has 3 positions"), Error);
}

TEST_CASE("success compares answers whose probabilities are 0 in any type") {
  const Tiny tiny;
  model::Transformer model = model::Transformer::load(tiny.files, tensor::DType::kF32, false,
                                                      [&](const model::StoredTensor& tensor, float* out) {
                                                        if (tensor.name != "model.norm.weight") return false;
                                                        std::fill_n(out, tensor.size(), 3e4f);
                                                        return true;
                                                      });
  const std::vector<facts::Fact> facts = {fact("The cat is", "red", "big"), fact("The sun", "is up", "was hot")};
  const EvaluationDetail detail = evaluate({model, "tiny"}, tiny.tokenizer, kPlain, facts);
  double p = 1;
  for (const facts::Fact& f : facts)
    for (const std::string& answer : {f.old_answer, f.new_answer})
      p = std::max(std::exp(score_answers({model, "tiny"},
                                          {text::encode_pair(tiny.tokenizer, kPlain, f.prompt, answer)}, "score")[0]
                                .log_probability()),
                   p == 1 ? 0 : p);
  CHECK(p == 0);
  const Evaluation& e = detail.summary;
  CHECK(e.reliability.success + e.old_reliability.success == 100);
  CHECK(e.reliability.magnitude == 0);
}
