// Beam search, as transformers' generate(num_beams=...) does it without sampling and with length_penalty 1: of each
// prompt, the continuation with the highest mean log-probability a token among those that the beams found.
#pragma once
#include <span>
#include <vector>

#include "lethe/model/generate.h"

namespace lethe::model {

// The new ids of each prompt, a stop id included. Of `options`, max_new_tokens, stop_ids and model_name are read. A
// prompt that leaves no room for max_new_tokens within the model's positions is an error.
std::vector<std::vector<int32_t>> beam_search(Transformer& model, std::span<const std::vector<int32_t>> prompts,
                                              int64_t num_beams, const GenerateOptions& options);

}  // namespace lethe::model
