// Parity with transformers on real weights: SmolLM2-135M-Instruct's losses and greedy continuations. The weights are no
// part of the repository: LETHE_SMOLLM2 names their Hugging Face directory (bf16, which the reference is of; the GGUF
// file's values differ by that rounding), ../shared holds the reference.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>

#include "lethe/base/json.h"
#include "lethe/model/generate.h"
#include "lethe/text/tokenizer.h"
#include "lethe/train/pack.h"

using namespace lethe;
using model::Transformer;
using tensor::DType;

TEST_CASE("SmolLM2-135M-Instruct: losses and greedy ids equal those of transformers") {
  const fs::path root = fs::path(__FILE__).parent_path().parent_path().parent_path();
  const fs::path reference = root.parent_path() / "shared/models/smollm2-135m-instruct/reference.json";
  const char* weights = std::getenv("LETHE_SMOLLM2");
  if (!weights || !fs::exists(reference)) {
    MESSAGE("SKIPPED: ", weights ? "no " + reference.string() : "LETHE_SMOLLM2 names no directory of the weights");
    return;
  }
  const auto files = model::ModelFiles::open(weights);
  const auto tokenizer = files.is_gguf()
                             ? text::Tokenizer::from_json(files.tokenizer_json(), weights, files.tokenizer_config())
                             : text::Tokenizer::load(files.path());
  Transformer exact = Transformer::load(files, DType::kF32, false),
              rounded = Transformer::load(files, DType::kBF16, false);
  const Json json = read_json(reference);
  REQUIRE(json["prompts"].size() == 5);
  for (const Json& prompt : json["prompts"]) {
    const auto text = prompt["text"].get<std::string>();
    CAPTURE(text);
    const auto ids = prompt["input_ids"].get<std::vector<int32_t>>();
    CHECK(tokenizer.encode(text, true) == ids);
    text::Example example{ids, ids};
    example.labels[0] = text::kNoTarget;
    const text::Example* examples[] = {&example};
    const model::Batch batch = train::pack(examples);
    const auto want = prompt["nll"].get<std::vector<double>>();
    model::TargetScores scores, scores_rounded;
    exact.score(batch, scores);
    rounded.score(batch, scores_rounded);
    REQUIRE(scores.nll.size() == want.size());
    double worst = 0, sum = 0, sum_rounded = 0;
    for (size_t i = 0; i < want.size(); ++i) {
      worst = std::max(worst, std::abs(scores.nll[i] - want[i]));
      sum += want[i];
      sum_rounded += scores_rounded.nll[i];
    }
    CHECK(worst < 1e-3);
    CHECK(sum_rounded == doctest::Approx(sum).epsilon(0.01));

    const auto greedy = prompt["greedy_ids"].get<std::vector<int32_t>>();
    model::GenerateOptions options;
    options.max_new_tokens = static_cast<int64_t>(greedy.size());
    const std::vector<int32_t> prompts[] = {ids};
    CHECK(model::generate(exact, prompts, options)[0] == greedy);
  }
}
