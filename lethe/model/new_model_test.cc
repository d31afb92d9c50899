#include "lethe/model/new_model.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "lethe/base/error.h"
#include "lethe/model/families.h"
#include "lethe/model/model_testing.h"
#include "lethe/tensor/parallel.h"
#include "tests/temp_dir.h"

using namespace lethe;
using namespace lethe::model;
using testing::kGolden;

namespace {

constexpr uint64_t kSeed = 5;

NewModel small(const std::string& family) {
  return {.family = family,
          .layers = 2,
          .heads = 2,
          .hidden_size = 32,
          .vocab_size = 61,
          .max_positions = 40,
          .bos_id = 1,
          .eos_id = 2};
}

std::vector<float> new_values(const Transformer& model, const std::string& name) {
  const auto& slot = model.parameters().slot(name);
  std::vector<float> out(static_cast<size_t>(slot.spec.size()));
  model.parameters().get(slot, out.data());
  return out;
}

double deviation(const std::vector<float>& x) {
  double sum = 0, squares = 0;
  for (const float v : x) sum += v, squares += static_cast<double>(v) * v;
  const auto n = static_cast<double>(x.size());
  CHECK(std::abs(sum / n) < 4 * std::sqrt(squares / n / n));
  return std::sqrt(squares / n);
}

void make_tokenizer(const fs::path& directory) {
  fs::create_directories(directory);
  write_file(directory / "tokenizer.json", R"({"model": "any"})");
  write_file(directory / "tokenizer_config.json", "{}");
}

// -log p of each next token of a text, or of each token itself where the model reads in both directions.
std::vector<float> losses(Transformer& model, const std::vector<int32_t>& ids) {
  Batch batch;
  batch.ids = ids;
  const auto n = static_cast<int64_t>(ids.size()), targets = n - (model.config().causal ? 1 : 0);
  batch.positions.resize(ids.size());
  std::iota(batch.positions.begin(), batch.positions.end(), 0);
  batch.spans = {{0, n, 0, 0}};
  batch.target_rows.assign(batch.positions.begin(), batch.positions.begin() + targets);
  batch.target_ids.assign(ids.end() - targets, ids.end());
  TargetScores scores;
  model.score(batch, scores);
  return scores.nll;
}

}  // namespace

TEST_CASE("new models: transformers reads what is written, and computes the same") {
  TempDir temporary;
  make_tokenizer(temporary / "tokenizer");
  // tests/golden/make/new_models.py asks for the models: LETHE_NEW_MODELS=DIR model_test -tc='new models*'
  const char* kept = std::getenv("LETHE_NEW_MODELS");
  const fs::path root = kept ? fs::path(kept) : temporary.path();
  const Json golden = read_json(kGolden / "new_models.json");
  const auto ids = golden["ids"].get<std::vector<int32_t>>();
  for (const char* family : {"gpt2-rotary", "gpt2", "llama", "gbert"}) {
    CAPTURE(std::string(family));
    const Json config = new_config(small(family));
    const Transformer fresh = new_transformer(read_config(config, "new"), DType::kF32, kSeed);
    const fs::path out = root / family;
    write_new_model(out, config, fresh, temporary / "tokenizer", true);

    const ModelFiles files = ModelFiles::open(out);
    CHECK(files.config_json() == config);
    CHECK(files.config().eos_ids == std::vector<int64_t>{2});
    CHECK(read_json(out / "generation_config.json") == Json({{"bos_token_id", 1}, {"eos_token_id", 2}}));
    CHECK(read_file(out / "tokenizer.json") == read_file(temporary / "tokenizer/tokenizer.json"));
    CHECK(files.tensors().size() == fresh.parameters().slots().size());
    Transformer again = Transformer::load(files, DType::kF32, false);
    for (const auto& slot : fresh.parameters().slots())
      CHECK(new_values(again, slot.spec.name) == new_values(fresh, slot.spec.name));
    const std::vector<float> found = losses(again, ids);
    const auto want = golden[family].get<std::vector<float>>();
    REQUIRE(found.size() == want.size());
    for (size_t i = 0; i < want.size(); ++i) CHECK(std::abs(found[i] - want[i]) < 5e-6);
  }
}

TEST_CASE("a new model's weights: deviations, ones and zeros, from the seed alone") {
  const NewModel description{.family = "gpt2-rotary", .layers = 8, .heads = 2, .hidden_size = 64, .vocab_size = 300};
  const ModelConfig config = read_config(new_config(description), "new");
  CHECK(config.rotary_dim == 8);
  CHECK_FALSE(config.parallel_residual);
  CHECK(config.tied_embeddings);
  CHECK(config.intermediate_size == 256);
  CHECK(config.max_positions == 512);
  const Transformer model = new_transformer(config, DType::kF32, 1);
  const std::string layer = "gpt_neox.layers.3.";
  CHECK(deviation(new_values(model, "gpt_neox.embed_in.weight")) == doctest::Approx(0.02).epsilon(0.03));
  CHECK(deviation(new_values(model, layer + "attention.query_key_value.weight")) ==
        doctest::Approx(0.02).epsilon(0.03));
  CHECK(deviation(new_values(model, layer + "mlp.dense_h_to_4h.weight")) == doctest::Approx(0.02).epsilon(0.03));
  CHECK(deviation(new_values(model, layer + "attention.dense.weight")) == doctest::Approx(0.005).epsilon(0.05));
  CHECK(deviation(new_values(model, layer + "mlp.dense_4h_to_h.weight")) == doctest::Approx(0.005).epsilon(0.03));
  CHECK(new_values(model, layer + "input_layernorm.weight") == std::vector<float>(64, 1));
  CHECK(new_values(model, layer + "attention.query_key_value.bias") == std::vector<float>(192, 0));
  CHECK(new_values(model, layer + "mlp.dense_h_to_4h.weight") !=
        new_values(model, "gpt_neox.layers.4.mlp.dense_h_to_4h.weight"));

  const int threads = tensor::num_threads();
  tensor::set_num_threads(3);
  const Transformer same = new_transformer(config, DType::kF32, 1), other = new_transformer(config, DType::kF32, 2);
  tensor::set_num_threads(threads);
  for (const auto& slot : model.parameters().slots()) {
    CAPTURE(slot.spec.name);
    CHECK(new_values(same, slot.spec.name) == new_values(model, slot.spec.name));
    CHECK((new_values(other, slot.spec.name) == new_values(model, slot.spec.name)) == slot.spec.is_vector());
  }
}

TEST_CASE("a new model: sizes by default, half precision, a directory that holds a model") {
  CHECK(read_config(new_config(small("llama")), "").intermediate_size == 128);
  NewModel wide = small("llama");
  wide.intermediate_size = 70;
  CHECK(read_config(new_config(wide), "").intermediate_size == 70);
  CHECK(read_config(new_config(small("gpt2")), "").intermediate_size == 128);
  CHECK_FALSE(read_config(new_config(small("gbert")), "").causal);
  CHECK(new_config(small("gbert")).contains("lethe_note"));

  TempDir dir;
  make_tokenizer(dir / "tokenizer");
  const Json config = new_config(small("gpt2-rotary"));
  const Transformer model = new_transformer(read_config(config, ""), DType::kBF16, kSeed);
  write_new_model(dir / "m", config, model, dir / "tokenizer", false, "BF16");
  CHECK(ModelFiles::open(dir / "m").tensors()[0].dtype == "BF16");
  CHECK(read_json(dir / "m" / "config.json")["dtype"] == "bfloat16");
  CHECK_THROWS_WITH_AS(write_new_model(dir / "m", config, model, dir / "tokenizer", false),
                       doctest::Contains("holds a model (config.json): nothing is overwritten"), Error);
  write_new_model(dir / "m", config, model, dir / "tokenizer", true);
  CHECK(ModelFiles::open(dir / "m").tensors()[0].dtype == "F32");
  CHECK_THROWS_WITH_AS(write_new_model(dir / "n", config, model, dir / "m" / "nowhere", false),
                       doctest::Contains("no tokenizer.json in"), Error);
  CHECK_THROWS_WITH_AS(write_new_model(dir / "n", config, model, dir / "tokenizer", false, "Q4_0"),
                       doctest::Contains("the dtype is \"Q4_0\""), Error);
  CHECK_THROWS_WITH_AS(write_new_model(dir / "n", new_config(small("gpt2")), model, dir / "tokenizer", false),
                       doctest::Contains("asks for the tensor \"transformer.wte.weight\" [61, 32]"), Error);
  CHECK_FALSE(fs::exists(dir / "n"));
}

TEST_CASE("a new model that cannot be made: the value and what was expected") {
  const auto wrong = [](const char* family, auto change, const char* message) {
    NewModel model = small(family);
    change(model);
    CHECK_THROWS_WITH_AS(new_config(model), doctest::Contains(message), Error);
  };
  using M = NewModel&;
  wrong(
      "gpt3", [](M) {}, "the family is \"gpt3\", known are gpt2-rotary, gpt2, llama, gbert");
  wrong(
      "gpt2", [](M m) { m.vocab_size = 0; }, "a new gpt2 model: vocab_size is 0, expected 1 to");
  wrong(
      "gpt2", [](M m) { m.layers = -3; }, "layers is -3");
  wrong(
      "gpt2", [](M m) { m.heads = 0; }, "heads is 0");
  wrong(
      "gpt2", [](M m) { m.max_positions = 0; }, "max_positions is 0");
  wrong(
      "gpt2", [](M m) { m.intermediate_size = -1; }, "intermediate_size is -1");
  wrong(
      "gpt2", [](M m) { m.heads = 3; }, "hidden_size is 32, expected a multiple of the 3 heads");
  wrong(
      "gpt2-rotary", [](M m) { m.heads = 8; }, "gives each 4 columns, its rotary positions need a multiple of 8");
  wrong(
      "llama", [](M m) { m.heads = 32; }, "gives each 1 columns, its rotary positions need a multiple of 2");
  wrong(
      "gbert", [](M m) { m.eos_id = 61; }, "eos_id is 61, expected a token below vocab_size 61");
  wrong(
      "gbert", [](M m) { m.bos_id = -2; }, "bos_id is -2");
}
