#include "lethe/study/pretrain.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"
#include "lethe/base/file.h"
#include "lethe/measure/questions.h"
#include "lethe/study/world_data.h"
#include "lethe/text/tokenizer.h"
#include "lethe/train/windows.h"
#include "lethe/world/world_files.h"
#include "tests/temp_dir.h"

using namespace lethe;

namespace {

world::World write_people(const fs::path& path, int64_t people) {
  world::WorldSpec spec;
  spec.people = people;
  world::write_world(path, spec, "word");
  return world::World::load(path);
}

study::PretrainConfig one_step(const fs::path& data, const fs::path& out) {
  study::PretrainConfig config;
  config.data = {data.string()};
  config.out = out;
  config.run_dir = out / "lethe";
  config.layers = config.heads = 1;
  config.hidden_size = 16;
  config.eval_steps = 0;
  config.training.max_steps = 1;
  return config;
}

}  // namespace

TEST_CASE("pretrain: a record that is no plain text, or has other ids than the tokenizer, is named") {
  const TempDir dir;
  write_people(dir / "w", 2);
  study::PretrainConfig config = one_step(dir / "t.jsonl", dir / "out");
  config.tokenizer = dir / "w";
  const auto refused = [&](const std::string& record, const char* says) {
    write_file(dir / "t.jsonl", "{\"text\": \" She was born in Boise, ID.\"}\n" + record + "\n");
    for (const char* family : {"gbert", "gpt2"}) {
      config.family = family;
      CHECK_THROWS_WITH_AS(study::pretrain(config, {}), doctest::Contains(says), Error);
    }
    CHECK_FALSE(fs::exists(config.out));
  };
  refused(R"({"input_ids": [5, 2000000000]})",
          "t.jsonl, line 2: \"input_ids\"[1] is 2000000000, expected an id from 0");
  const char* const kNotPlain = "t.jsonl, line 2: a prompt or labels, and pretraining learns every token";
  refused(R"({"input_ids": [5, 6, 7], "labels": [-100, -100, 7]})", kNotPlain);
  refused(R"({"input_ids": [5, 6, 7], "labels": [5, 7, 6]})", kNotPlain);
  refused(R"({"prompt": "What is", "completion": " this"})", kNotPlain);
  refused(R"({"instruction": "What is this", "output": "This"})", kNotPlain);
}

TEST_CASE("pretrain: whole words of a world's texts are masked, the first of a question too") {
  const TempDir dir;
  const world::World world = write_people(dir / "w", 60);
  const text::Tokenizer tokenizer = text::Tokenizer::load(dir / "w");
  const std::vector<bool> starts = train::word_starts(tokenizer, tokenizer.size());
  const auto starts_word = [&](const char* token) { return starts[static_cast<size_t>(tokenizer.id(token).value())]; };
  CHECK(starts_word(" was"));
  CHECK(starts_word("."));
  CHECK(starts_word(":"));
  CHECK_FALSE(starts_word("What"));  // it begins a text

  const auto entries = study::question_entries(tokenizer, world);
  const train::Windows::Settings settings{.window = 128, .micro_batch = 16, .seed = 1};
  train::Windows plain(entries, {}, settings), masking(entries, {}, settings);
  train::MaskedWords masked;
  masked.mask_id = measure::mask_id(tokenizer);
  masked.starts_word = starts;
  masked.separator = tokenizer.eos_id().value();
  masking.mask_words(masked);
  int64_t first = 0, hidden = 0;
  for (int64_t step = 0; step < 10; ++step) {
    const model::Batch whole = plain.batches(step)[0], batch = masking.batches(step)[0];
    std::vector<bool> target(whole.ids.size());
    for (const int32_t row : batch.target_rows) target[static_cast<size_t>(row)] = true;
    for (size_t i = 1; i < whole.ids.size(); ++i) {
      if (whole.positions[i] == 0 || whole.ids[i - 1] != masked.separator) continue;
      ++first;
      hidden += target[i];
    }
  }
  REQUIRE(first > 500);
  CHECK(static_cast<double>(hidden) / static_cast<double>(first) == doctest::Approx(0.15).epsilon(0.25));
}

TEST_CASE("pretrain: a complete run is not resumed from a damaged record") {
  const TempDir dir;
  write_people(dir / "w", 2);
  study::PretrainConfig config = one_step(dir / "w", dir / "out");
  const OrderedJson result = study::pretrain(config, {});
  config.resume = true;
  CHECK(study::pretrain(config, {}) == result);
  const auto refused = [&](const OrderedJson& damaged, const char* says) {
    write_file(config.run_dir / "results.json", OrderedJson{{"result", damaged}}.dump());
    CHECK_THROWS_WITH_AS(study::pretrain(config, {}), doctest::Contains(says), Error);
  };
  refused(5, "results.json: \"result\" is 5, expected an object");
  refused({{"parameters", "x"}}, "results.json, \"result\": \"parameters\" is \"x\", expected a number");
}
