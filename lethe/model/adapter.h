// LoRA adapters: W' = W + scale * B A, scale = alpha / rank, for each target (Hu et al. 2021), kept as PEFT keeps them
// on disk (adapter_config.json, adapter_model.safetensors). An embedding's adapter lies as PEFT's lora_embedding_A [R,
// V], lora_embedding_B [D, R].
#pragma once
#include <string>
#include <vector>

#include "lethe/base/file.h"
#include "lethe/model/families.h"

namespace lethe::model {

struct LoraWeights {
  std::string module;  // canonical, without ".weight": "model.layers.0.self_attn.q_proj"
  bool embedding = false;
  bool in_out = false;                // as of AdaptableModule
  int64_t in = 0, out = 0, rank = 0;  // of an embedding: in = V, out = D
  double scale = 1;                   // alpha / rank, both its own where the adapter gives it (rank_pattern)
  std::vector<float> a;               // [rank, in]
  std::vector<float> b;               // [out, rank]
};

struct Adapter {
  int64_t rank = 8;  // of most modules
  double alpha = 16;
  double dropout = 0;
  bool rank_stabilised = false;             // use_rslora: scale alpha / sqrt(rank)
  std::vector<std::string> target_modules;  // the last parts of the module names: "q_proj", "v_proj"
  std::string base_model;                   // base_model_name_or_path
  std::vector<LoraWeights> weights;
  double scale_of(int64_t of_rank, double of_alpha) const;
};

// A weight that an adapter may lie on: the embedding, every linear layer, and the head that is not tied to the
// embedding.
struct AdaptableModule {
  ParameterSpec weight;
  std::string name;
  bool embedding;
  bool in_out;  // it lies [in, out] in the file: an embedding, and GPT-2's Conv1D, but heads in no family
  int64_t in, out;
};
std::vector<AdaptableModule> adaptable_modules(const ModelConfig& config);  // in the model's order
// The error for an adapter on a tied head; `what` begins the message. (PEFT warns and trains one that no merged model
// with a tied head can hold.)
void check_head_untied(const ModelConfig& config, const std::string& what);
// Whether merging this adapter moves the embedding and not the head that is tied to it: the merged model keeps both.
bool unties(const Adapter& adapter, const ModelConfig& base);

bool is_adapter(const fs::path& directory);
// Checks every shape against the base model. Unsupported kinds (DoRA, bias, modules_to_save, other peft_type) are
// errors that say so.
Adapter read_adapter(const fs::path& directory, const ModelConfig& base);
// fan_in_fan_out is written for families whose weights lie [in, out]. Overwrites nothing unless told.
void write_adapter(const fs::path& directory, const Adapter& adapter, const ModelConfig& base, bool overwrite = false);

// w += factor * B A, in fp32 (factor holds lora.scale); w as it lies in the file.
void add_product(const LoraWeights& lora, double factor, float* w);
// Rows [first, first + rows) of w alone; `w` points at the first of them.
void add_product_rows(const LoraWeights& lora, double factor, int64_t first, int64_t rows, float* w);

}  // namespace lethe::model
