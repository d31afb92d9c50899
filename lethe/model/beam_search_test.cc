#include "lethe/model/beam_search.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"
#include "lethe/base/json.h"
#include "lethe/model/model_testing.h"

namespace lethe::model {
namespace {

using testing::kGolden;

TEST_CASE("beam search finds what transformers' finds") {
  const Json golden = read_json(kGolden / "beams.json");
  for (const auto& [name, cases] : golden.items()) {
    CAPTURE(name);
    Transformer model = Transformer::load(ModelFiles::open(kGolden / "models" / name), DType::kF32, false);
    for (const Json& one : cases) {
      CAPTURE(one.dump());
      GenerateOptions options;
      options.max_new_tokens = 8;
      options.stop_ids = one["stop_ids"].get<std::vector<int32_t>>();
      const std::vector<std::vector<int32_t>> prompts = {one["prompt"].get<std::vector<int32_t>>(), {3, 4, 5}};
      std::vector<int32_t> found = beam_search(model, prompts, one["num_beams"].get<int64_t>(), options)[0];
      auto expected = one["ids"].get<std::vector<int32_t>>();
      CHECK(found == expected);
    }
  }
}

TEST_CASE("one beam is greedy; what beam search refuses") {
  Transformer model = Transformer::load(ModelFiles::open(kGolden / "models" / "gpt2"), DType::kF32, false);
  GenerateOptions options;
  options.max_new_tokens = 6;
  const std::vector<std::vector<int32_t>> prompts = {{1, 2, 3}, {9, 8}, {4}};
  CHECK(beam_search(model, prompts, 1, options) == generate(model, prompts, options));
  CHECK_THROWS_WITH_AS(beam_search(model, prompts, 0, options), doctest::Contains("expected at least 1"), Error);
  options.max_new_tokens = 1000;
  CHECK_THROWS_WITH_AS(beam_search(model, prompts, 2, options), doctest::Contains("positions"), Error);
}

}  // namespace
}  // namespace lethe::model
