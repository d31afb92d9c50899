// What a transformer is made of, read from a Hugging Face config.json: one struct for every family. The table of
// families (families.h) says how each family's file is read and what its tensors are called.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "lethe/base/json.h"

namespace lethe::model {

enum class NormKind { kRmsNorm, kLayerNorm };
enum class PositionKind { kRotary, kLearned };
enum class FeedForwardKind { kSwiGlu, kGeluErf, kGeluTanh };

// Rotary frequencies: theta^(-2i/d), then scaled. Source: transformers' modeling_rope_utils (linear, llama3).
struct RopeConfig {
  double theta = 10000;
  enum class Scaling { kNone, kLinear, kLlama3 } scaling = Scaling::kNone;
  double factor = 1;
  double low_freq_factor = 1, high_freq_factor = 4, original_max_positions = 0;  // llama3
};

struct ModelConfig {
  std::string model_type;  // a row of the table of families
  int64_t vocab_size = 0, hidden_size = 0, intermediate_size = 0;
  int64_t layers = 0, heads = 0, kv_heads = 0, head_dim = 0;
  int64_t max_positions = 0;
  NormKind norm = NormKind::kRmsNorm;
  double norm_epsilon = 1e-5;
  PositionKind positions = PositionKind::kRotary;
  RopeConfig rope;
  FeedForwardKind feed_forward = FeedForwardKind::kSwiGlu;
  bool attention_bias = false, attention_out_bias = false, mlp_bias = false;
  bool tied_embeddings = false;
  std::vector<int64_t> eos_ids;  // eos_token_id of generation_config.json, else of config.json: one or several

  int64_t q_size() const { return heads * head_dim; }
  int64_t kv_size() const { return kv_heads * head_dim; }
};

// The ids of a field that holds one, a list, null, or is not there.
std::vector<int64_t> token_ids(const Json& config, const char* key, const std::string& where);

// `where` names the file in errors. Unknown model_type: the message lists the known ones.
ModelConfig read_config(const Json& config, const std::string& where);

// The head_dim / 2 rotary frequencies, scaled, in fp32 as transformers computes them. (rope.cc)
std::vector<float> rotary_inverse_frequencies(const ModelConfig& config);

}  // namespace lethe::model
