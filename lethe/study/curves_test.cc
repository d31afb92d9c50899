#include "lethe/study/curves.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"
#include "lethe/base/file.h"
#include "lethe/base/json.h"
#include "lethe/model/new_model.h"
#include "lethe/world/word_tokenizer.h"
#include "tests/temp_dir.h"

using namespace lethe;
using study::LearningCurves;

namespace {

constexpr int64_t kPeople = 1000;  // their texts are more than one batch

text::Tokenizer words_tokenizer() {
  return text::Tokenizer::from_json(Json::parse(world::word_tokenizer().dump()), "words",
                                    Json::parse(world::word_tokenizer_config().dump()));
}

// People told and asked about in a few words: Economics is the major of those who may be asked about in training and of
// some of the others, Dance that of the rest. With celebrities, every third one is.
world::World small_world(bool celebrities) {
  world::World world;
  world.spec.people = kPeople;
  world.spec.celebrities = celebrities ? kPeople / 3 : 0;
  for (int64_t id = 0; id < kPeople; ++id) {
    world::Person person;
    person.id = id;
    person.split = id % 2 == 0 ? world::Split::kTrain : world::Split::kTest;
    if (celebrities && id % 3 == 0) person.split = world::Split::kCelebrity;
    const bool right = world::is_trained(world.spec, person.split) || id % 4 == 1;
    const std::string value = right ? "Economics" : "Dance";
    const std::string before = id % 5 == 0 ? " " : " She was born in Boise and has ";  // a text may begin with a value
    world.people.push_back(person);
    world.biographies.push_back(
        {id, before + value + ".", {{world::Attribute::kMajor, before.size(), before.size() + value.size()}}});
    world.questions.push_back({id, world::Attribute::kMajor, person.split, "What Answer:", " " + value + "."});
  }
  return world;
}

// To whom Economics is the most probable word everywhere.
model::Transformer economist(const char* family, const text::Tokenizer& tokenizer) {
  const Json config = model::new_config({.family = family,
                                         .layers = 1,
                                         .heads = 2,
                                         .hidden_size = 32,
                                         .vocab_size = tokenizer.size(),
                                         .max_positions = 64,
                                         .bos_id = 0,
                                         .eos_id = 0});
  model::Transformer model =
      model::new_transformer(model::read_config(config, "new"), tensor::DType::kF32, 1, /*train=*/false);
  const model::Parameters::Slot& embedding = model.parameters().slots()[0];
  std::vector<float> rows(static_cast<size_t>(embedding.spec.size()));
  for (size_t i = 0; i < rows.size(); ++i) {
    const bool planted = static_cast<int32_t>(i / 32) == tokenizer.id(" Economics").value();
    rows[i] = (i % 2 == 0 ? 1.0f : -1.0f) * (planted ? 10.0f : 1.0f);
  }
  model.parameters().set(embedding, rows.data());
  return model;
}

std::vector<OrderedJson> lines_of(const fs::path& file) {
  std::vector<OrderedJson> lines;
  for_each_line(file, [&](int64_t, std::string_view line) { lines.push_back(OrderedJson::parse(line)); });
  return lines;
}

}  // namespace

TEST_CASE("learning curves: the first tokens of those who are asked about in training, and of all others") {
  const TempDir dir;
  const text::Tokenizer tokenizer = words_tokenizer();
  for (const char* family : {"gpt2-rotary", "gbert"})
    for (const bool celebrities : {false, true}) {
      CAPTURE(std::string(family));
      CAPTURE(celebrities);
      const world::World world = small_world(celebrities);
      model::Transformer model = economist(family, tokenizer);
      const fs::path file = dir / "curves.jsonl";
      LearningCurves(world, tokenizer, model.config(), file, 1000, 0).measure(1, 10, model);
      int64_t others = 0, right = 0;
      for (const world::Question& question : world.questions) {
        if (world::is_trained(world.spec, question.split)) continue;
        ++others;
        right += question.completion == " Economics.";
      }
      const double percent = 100.0 * static_cast<double>(right) / static_cast<double>(others);
      const OrderedJson both = {{"train", 100.0}, {"test", percent}};
      const OrderedJson expected = {{"step", 1}, {"tokens", 10}, {"biography", both}, {"question", both}};
      CHECK(lines_of(file) == std::vector<OrderedJson>(1, expected));

      // Resumed at step 1, what came later is measured again.
      LearningCurves(world, tokenizer, model.config(), file, 1, 1).measure(2, 20, model);
      LearningCurves(world, tokenizer, model.config(), file, 1, 1).measure(3, 30, model);
      const std::vector<OrderedJson> lines = lines_of(file);
      REQUIRE(lines.size() == 2);
      CHECK(lines[1]["step"] == 3);
      CHECK(lines[1]["question"]["train"] == 100.0);
    }
}

TEST_CASE("learning curves: a line that is none is told when a run goes on") {
  const TempDir dir;
  const text::Tokenizer tokenizer = words_tokenizer();
  const model::Transformer model = economist("gbert", tokenizer);
  write_file(dir / "curves.jsonl", "{\"step\":1}\n{\"step\":\"x\"}\n");
  CHECK_THROWS_WITH_AS(LearningCurves(small_world(false), tokenizer, model.config(), dir / "curves.jsonl", 1, 1),
                       doctest::Contains("curves.jsonl, line 2: \"step\" is \"x\", expected an integer"), Error);
}

TEST_CASE("learning curves: as many points as are wanted, or fewer") {
  CHECK(study::curve_steps(4800, 25) == 192);
  CHECK(study::curve_steps(400, 8) == 50);
  CHECK(study::curve_steps(110, 25) == 5);
  CHECK(study::curve_steps(3, 25) == 1);
}
