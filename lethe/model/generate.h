// Completing prompts: packed prefill, in which prompts that begin alike share their beginning, then one token a step
// for all sequences that still go on.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "lethe/base/random.h"
#include "lethe/model/transformer.h"

namespace lethe::model {

struct GenerateOptions {
  int64_t max_new_tokens = 64;
  double temperature = 0;  // 0: greedy
  int64_t top_k = 0;       // 0: all
  double top_p = 1;        // the smallest set of tokens whose probability reaches it
  uint64_t seed = 0;
  std::vector<uint64_t> seeds = {};    // one for each prompt, whatever stands beside it; empty: all are of `seed`
  std::vector<int32_t> stop_ids = {};  // generation ends after one of them, which is kept
  std::string model_name = {};         // begins the message where the outputs are no numbers
};

// Called with (sequence, id) as each token is found.
using TokenCallback = std::function<void(size_t, int32_t)>;

// The new ids of each prompt. A prompt that leaves no room for one token within the model's positions is an error.
std::vector<std::vector<int32_t>> generate(Transformer& model, std::span<const std::vector<int32_t>> prompts,
                                           const GenerateOptions& options, const TokenCallback& on_token = {});

// One id drawn from the logits of V tokens, as the options say. Error: a logit is NaN or inf, or all are -inf.
int32_t sample(std::span<const float> logits_V, const GenerateOptions& options, Random& random);

}  // namespace lethe::model
