#include "lethe/measure/probe.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "lethe/base/error.h"
#include "lethe/base/random.h"
#include "lethe/measure/measure_testing.h"
#include "lethe/model/new_model.h"

using namespace lethe;
using namespace lethe::measure;

namespace {

constexpr int32_t kSubjects = 240, kClasses = 3;

// Every subject is one token of a model whose layers do nothing: what is read is the token's embedding, noise with a
// direction of its class that is `strength` long. Even subjects are for training.
struct Planted {
  Tiny tiny;
  model::Transformer transformer;
  std::vector<ProbeInput> train, test;
  ProbeTarget target{"class", kClasses, {}}, shuffled;

  explicit Planted(float strength) : transformer(tiny.constant(0)) {
    Random random(1, "planted");
    const auto D = static_cast<size_t>(tiny.files.config().hidden_size);
    std::map<int32_t, std::vector<float>> embeddings;
    for (int32_t i = 0; i < kSubjects; ++i) {
      target.labels.push_back(static_cast<int32_t>(random.below(kClasses)));
      std::vector<float> row(D);
      for (float& x : row) x = static_cast<float>(random.normal());
      row[static_cast<size_t>(target.labels.back())] += strength;
      embeddings[3 + i] = row;
      (i % 2 == 0 ? train : test).push_back({{0, 3 + i}, {1}, i, i});
    }
    for (int32_t c = 0; c < kClasses; ++c) {  // what the model would say of a class
      target.tokens.push_back(3 + kSubjects + c);
      embeddings[target.tokens.back()].resize(D);
      embeddings[target.tokens.back()][static_cast<size_t>(c)] = 1;
    }
    transformer = tiny.of_embeddings(embeddings);
    shuffled = target;
    random.shuffle(shuffled.labels);
  }

  std::vector<ProbeScores> run(ProbeOptions options) {
    options.max_steps = 150;
    options.batch_size = 32;
    options.learning_rate = 0.02;
    options.weight_decay = 0.01;
    return probe({transformer, "planted"}, train, test, {target, shuffled}, options);
  }
};

}  // namespace

TEST_CASE("a probe reads what can be read, and stays at a guess where nothing can or labels are shuffled") {
  Planted planted(20), nothing(0);
  for (const ProbeNorm norm : {ProbeNorm::kLayer, ProbeNorm::kBatch})
    for (const ProbeClassifier classifier : {ProbeClassifier::kTrained, ProbeClassifier::kUnembedding})
      for (const int64_t rank : {0, 2}) {
        CAPTURE(static_cast<int>(norm));
        CAPTURE(static_cast<int>(classifier));
        CAPTURE(rank);
        const auto read = planted.run({.classifier = classifier, .norm = norm, .embedding_rank = rank});
        CHECK(read[0].accuracy[0] > 0.9);
        CHECK(read[0].baseline < 0.5);
        CHECK(read[0].ceiling == 1);
        // Guesses of 120 among 3 classes: a deviation of 4.3 %.
        CHECK(read[1].accuracy[0] < 0.5);
        const auto guessed = nothing.run({.classifier = classifier, .norm = norm, .embedding_rank = rank});
        CHECK(guessed[0].accuracy[0] < 0.5);
        CHECK(guessed[1].accuracy[0] < 0.5);
      }
}

TEST_CASE("an update of the embedding learns through frozen layers, each target its own, in whatever company") {
  const model::NewModel made{
      .layers = 2, .heads = 2, .hidden_size = 32, .vocab_size = 64, .max_positions = 16, .bos_id = 0, .eos_id = 0};
  model::Transformer transformer =
      model::new_transformer(model::read_config(model::new_config(made), "a new model"), tensor::DType::kF32, 4, false);
  // Names of two tokens behind a start; read at an end. One target is of the first token, one of the second, one of
  // neither.
  std::vector<ProbeInput> train, test;
  std::vector<ProbeTarget> targets = {{"first", 2, {}}, {"second", 3, {}}, {"neither", 2, {}}};
  Random random(7, "names");
  for (int64_t i = 0; i < 300; ++i) {
    const auto first = static_cast<int32_t>(random.below(8)), second = static_cast<int32_t>(random.below(8));
    (i % 2 == 0 ? train : test).push_back({{0, 10 + first, 40 + second, 0}, {3}, i, i});
    targets[0].labels.push_back(first * 7 % 2);
    targets[1].labels.push_back(second * 5 % 3);
    targets[2].labels.push_back(static_cast<int32_t>(random.below(2)));
  }
  const ProbeOptions options{.norm = ProbeNorm::kBatch,
                             .embedding_rank = 4,
                             .max_steps = 120,
                             .batch_size = 50,
                             .learning_rate = 0.01,
                             .weight_decay = 0.1};
  const auto all = probe({transformer, "new"}, train, test, targets, options);
  CHECK(all[0].accuracy[0] > 0.9);
  CHECK(all[1].accuracy[0] > 0.9);
  CHECK(all[2].accuracy[0] < 0.66);  // of 150 guesses, four deviations above a half
  const auto again = probe({transformer, "new"}, train, test, targets, options);
  for (size_t k = 0; k < targets.size(); ++k) CHECK(all[k].predicted == again[k].predicted);
  // Alone, a target's numbers differ by the rounding of other products at most.
  const auto alone = probe({transformer, "new"}, train, test, {targets[0]}, options);
  int same = 0;
  for (size_t i = 0; i < test.size(); ++i) same += alone[0].predicted[i] == all[0].predicted[i];
  CHECK(same > 145);
}

TEST_CASE("positions are read apart and share what is trained") {
  Planted planted(12);
  for (auto* inputs : {&planted.train, &planted.test})
    for (ProbeInput& input : *inputs)
      input = {{0, input.ids[1]}, {0, 1}, input.subject, input.label};  // the start says nothing
  const auto scores = planted.run({.norm = ProbeNorm::kLayer, .embedding_rank = 0});
  REQUIRE(scores[0].accuracy.size() == 2);
  CHECK(scores[0].accuracy[0] < 0.5);
  CHECK(scores[0].accuracy[1] > 0.97);
  CHECK(scores[0].predicted.size() == 2 * planted.test.size());
}

TEST_CASE("what a probe cannot read is an error") {
  Planted planted(1);
  const auto message = [&](const std::vector<ProbeInput>& train, const ProbeTarget& target) -> std::string {
    try {
      probe({planted.transformer, "planted"}, train, planted.test, {target}, {.max_steps = 1, .batch_size = 2});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  const int64_t positions = planted.tiny.files.config().max_positions;
  const ProbeInput longer{std::vector<int32_t>(static_cast<size_t>(positions) + 1, 3), {0}, 0, 0};
  CHECK(message({longer}, planted.target).find(std::to_string(positions)) != std::string::npos);
  CHECK(message({}, planted.target) != "");
  ProbeTarget wrong = planted.target;
  wrong.classes = 2;
  CHECK(message(planted.train, wrong).find("class 2 of 2") != std::string::npos);
  planted.transformer = planted.tiny.constant(std::numeric_limits<float>::infinity());
  CHECK(message(planted.train, planted.target).find("planted: a probe's loss") != std::string::npos);
}
