// The table of families: a row says how Hugging Face names a family's tensors and how its weights lie. Nothing else in
// Lethe knows these names. "{}" in a name is the layer. An empty name: the family has no such tensor.
#pragma once
#include <string>
#include <vector>

#include "lethe/model/config.h"

namespace lethe::model {

struct Family {
  const char* model_type;
  const char* base_prefix;  // "model." or "transformer.": files saved from the bare model lack it
  const char* embedding;
  const char* position_embedding;
  const char* final_norm;
  const char* head;  // used when the embeddings are not tied
  const char* norm1;
  const char* norm2;
  std::vector<const char*> qkv;  // q, k, v apart, or one fused tensor
  bool qkv_by_head = false;      // the fused tensor holds [q, k, v] of each head, not all heads of q, then of k, of v
  const char* attention_out;
  std::vector<const char*> up;  // gate and up, or the one first layer of the feed-forward
  const char* down;
  std::vector<std::string> lora_targets;  // what LoRA adapts unless told; source: PEFT's mapping of default modules
  bool in_out;                            // linear weights lie [in, out] (GPT-2's Conv1D), not [out, in]
  void (*read)(const Json& config, const std::string& where, ModelConfig& out);  // the family's own fields
};

const std::vector<Family>& families();
const Family& family_of(const std::string& model_type, const std::string& where);

// One tensor of a model: how it is called, its shape as it lies in the file, and what it is.
struct ParameterSpec {
  enum class Role { kEmbedding, kPositionEmbedding, kNormWeight, kNormBias, kLinearWeight, kLinearBias, kHead };
  std::string name;  // "model.layers.0.self_attn.q_proj.weight"
  std::vector<int64_t> shape;
  Role role;
  int layer;  // -1 outside the layers
  bool is_vector() const { return shape.size() == 1; }
  int64_t size() const;
  std::string module() const;  // the name without its last part: "model.layers.0.self_attn.q_proj"
};
// All parameters of a model in the order in which Lethe keeps them: embedding, positions, layers, final norm, head
// (untied only). The parts of one fused product (q, k, v; gate, up) stand next to each other, weights before biases.
std::vector<ParameterSpec> parameter_specs(const ModelConfig& config);

// A name of the table with its layer put in.
std::string in_layer(const std::string& name, int64_t layer);

// The last part of a module's name: "q_proj".
std::string last_part(const std::string& module);

// The canonical name of a stored tensor: the base prefix added where a file saved from the bare model lacks it.
std::string canonical_name(const Family& family, const std::string& stored);

}  // namespace lethe::model
