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
  int64_t rotary_dim = 0;  // columns of each head that turn: even, at most head_dim
  RopeConfig rope;
  FeedForwardKind feed_forward = FeedForwardKind::kSwiGlu;
  bool attention_bias = false, attention_out_bias = false, mlp_bias = false;
  bool tied_embeddings = false;
  bool parallel_residual = false;  // x + attention(norm1 x) + feed_forward(norm2 x); else one after the other
  bool causal = true;            // false: every token sees its whole sequence; it predicts masked tokens, not the next
  std::vector<int64_t> eos_ids;  // eos_token_id of generation_config.json, else of config.json: one or several

  int64_t q_size() const { return heads * head_dim; }
  int64_t kv_size() const { return kv_heads * head_dim; }
};

// The ids of a field that holds one, a list, null, or is not there.
std::vector<int64_t> token_ids(const Json& config, const char* key, const std::string& where);

// `where` names the file in errors. Unknown model_type: the message lists the known ones.
ModelConfig read_config(const Json& config, const std::string& where);

// That a model predicts the next token; one that reads both ways (gbert) can neither generate nor be scored so. `what`
// names it in the error, `use` what was asked of it.
void check_causal(const ModelConfig& config, const std::string& what, const char* use);

// The rotary_dim / 2 rotary frequencies, scaled, in fp32 as transformers computes them. (rope.cc)
std::vector<float> rotary_inverse_frequencies(const ModelConfig& config);

}  // namespace lethe::model
