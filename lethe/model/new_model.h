// A model made from nothing: its config.json, its first weights, and the directory that holds it.
#pragma once
#include <cstdint>
#include <string>

#include "lethe/base/json.h"
#include "lethe/model/transformer.h"

namespace lethe::model {

inline constexpr double kInitializerRange = 0.02;  // GPT-2's

struct NewModel {
  // gpt2-rotary: GPT-NeoX with sequential residual, a quarter of each head rotary, tied; gpt2: learned positions;
  // llama: RMSNorm, SwiGLU, tied; gbert: gpt2-rotary that reads in both directions, Lethe's own.
  std::string family = "gpt2-rotary";
  int64_t layers = 12, heads = 12, hidden_size = 768;
  int64_t intermediate_size = 0;  // 0: 4 * hidden_size; llama: 8/3 of it, up to a multiple of 64
  int64_t vocab_size = 0, max_positions = 512;
  int64_t bos_id = -1, eos_id = -1;  // -1: none
  double initializer_range = kInitializerRange;
};

// The config.json, as transformers 4 and 5 read it (of gbert they have no class). Errors name the value and what was
// expected.
Json new_config(const NewModel& model);

// Matrices and embeddings normal with deviation initializer_range, those into the residual stream (attention's output,
// the second layer of the feed-forward) divided by sqrt(2 * layers); norms 1, biases 0: as GPT-2's. A pure function of
// the seed.
Transformer new_transformer(const ModelConfig& config, DType precision, uint64_t seed, bool train = true,
                            double initializer_range = kInitializerRange);

// Writes a Hugging Face directory: config.json, generation_config.json, model.safetensors, and the tokenizer of the
// directory `tokenizer`. All appear together, config.json last; a model that is there is an error unless `overwrite`.
// `config` describes the transformer. dtype: F32, BF16 or F16.
void write_new_model(const fs::path& out, const Json& config, const Transformer& transformer, const fs::path& tokenizer,
                     bool overwrite, const std::string& dtype = "F32");

}  // namespace lethe::model
