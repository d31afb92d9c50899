#include "lethe/model/families.h"

#include <algorithm>
#include <string_view>

#include "lethe/base/error.h"

namespace lethe::model {
namespace {

// The rotary settings: the base (`theta_key`) and `rope_scaling` (transformers 4), or both in `rope_parameters` (5).
RopeConfig read_rope(const Json& config, const std::string& where, const char* theta_key = "rope_theta") {
  RopeConfig rope;
  const auto object = [&](const char* key) {
    const auto it = config.find(key);
    if (it == config.end() || it->is_null()) return Json::object();
    check(it->is_object(), "{}: \"{}\" is {}, expected an object", where, key, it->type_name());
    return *it;
  };
  const bool v5 = config.contains("rope_parameters") && !config["rope_parameters"].is_null();
  const Json scaling = object(v5 ? "rope_parameters" : "rope_scaling");
  const std::string in = where + ": " + (v5 ? "rope_parameters" : "rope_scaling");
  rope.theta = json_number(scaling, "rope_theta", in, json_number(config, theta_key, where, rope.theta));
  check(rope.theta > 0, "{}: \"rope_theta\" is {}, expected a positive number", where, rope.theta);
  const std::string type = json_string(scaling, "rope_type", in, json_string(scaling, "type", in, "default"));
  if (type == "default") return rope;
  check(type == "linear" || type == "llama3",
        "{}: the scaling of the positions is \"{}\", supported are default, linear and llama3", in, type);
  rope.factor = json_number(scaling, "factor", in);
  check(rope.factor > 0, "{}: \"factor\" is {}, expected a positive number", in, rope.factor);
  rope.scaling = RopeConfig::Scaling::kLinear;
  if (type == "linear") return rope;
  rope.scaling = RopeConfig::Scaling::kLlama3;
  rope.low_freq_factor = json_number(scaling, "low_freq_factor", in);
  rope.high_freq_factor = json_number(scaling, "high_freq_factor", in);
  rope.original_max_positions = json_number(scaling, "original_max_position_embeddings", in);
  check(rope.low_freq_factor > 0 && rope.high_freq_factor > rope.low_freq_factor && rope.original_max_positions > 0,
        "{}: low_freq_factor {}, high_freq_factor {} and original_max_position_embeddings {} must be positive and the "
        "second above the first",
        in, rope.low_freq_factor, rope.high_freq_factor, rope.original_max_positions);
  return rope;
}

// The share of each head's columns that turn, from `rope_parameters` or the field `key`.
double rotary_share(const Json& config, const std::string& where, const char* key, double otherwise) {
  const double at_top = json_number(config, key, where, otherwise);
  const Json* v5 = find_field(config, "rope_parameters");
  return v5 ? json_number(*v5, "partial_rotary_factor", where + ": rope_parameters", at_top) : at_top;
}

// Hidden activations by the names of transformers' ACT2FN.
FeedForwardKind read_gelu(const Json& config, const char* key, const char* otherwise, const std::string& where) {
  const std::string name = json_string(config, key, where, otherwise);
  if (name == "gelu") return FeedForwardKind::kGeluErf;
  check(name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast",
        "{}: \"{}\" is \"{}\", expected gelu, gelu_new, gelu_fast or gelu_pytorch_tanh", where, key, name);
  return FeedForwardKind::kGeluTanh;
}

void read_llama(const Json& config, const std::string& where, ModelConfig& out) {
  out.hidden_size = json_int(config, "hidden_size", where);
  out.intermediate_size = json_int(config, "intermediate_size", where);
  out.layers = json_int(config, "num_hidden_layers", where);
  out.heads = json_int(config, "num_attention_heads", where);
  check(out.heads > 0, "{}: \"num_attention_heads\" is {}, expected a positive number", where, out.heads);
  out.kv_heads = json_int(config, "num_key_value_heads", where, out.heads);
  out.head_dim = json_int(config, "head_dim", where, out.hidden_size / out.heads);
  out.max_positions = json_int(config, "max_position_embeddings", where, 2048);
  out.norm = NormKind::kRmsNorm;
  out.norm_epsilon = json_number(config, "rms_norm_eps", where, 1e-6);
  out.positions = PositionKind::kRotary;
  out.rope = read_rope(config, where);
  const double share = rotary_share(config, where, "partial_rotary_factor", 1);
  check(share == 1, "{}: \"partial_rotary_factor\" is {}, only 1 is supported in this family", where, share);
  const std::string activation = json_string(config, "hidden_act", where, "silu");
  check(activation == "silu", "{}: \"hidden_act\" is \"{}\", expected \"silu\"", where, activation);
  out.feed_forward = FeedForwardKind::kSwiGlu;
  out.attention_bias = out.attention_out_bias = json_bool(config, "attention_bias", where, false);
  out.mlp_bias = json_bool(config, "mlp_bias", where, false);
  out.tied_embeddings = json_bool(config, "tie_word_embeddings", where, false);
}

void read_gpt2(const Json& config, const std::string& where, ModelConfig& out) {
  for (const char* key : {"scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn", "add_cross_attention"})
    check(!json_bool(config, key, where, false), "{}: \"{}\" is true, only false is supported", where, key);
  check(json_bool(config, "scale_attn_weights", where, true),
        "{}: \"scale_attn_weights\" is false, only true is supported", where);
  out.hidden_size = json_int(config, "n_embd", where);
  out.intermediate_size = json_int(config, "n_inner", where, 4 * std::clamp<int64_t>(out.hidden_size, 0, 1 << 24));
  out.layers = json_int(config, "n_layer", where);
  out.heads = out.kv_heads = json_int(config, "n_head", where);
  check(out.heads > 0 && out.hidden_size % out.heads == 0,
        "{}: \"n_embd\" is {} and \"n_head\" {}: expected a multiple", where, out.hidden_size, out.heads);
  out.head_dim = out.hidden_size / out.heads;
  out.max_positions = json_int(config, "n_positions", where, json_int(config, "n_ctx", where, 1024));
  out.norm = NormKind::kLayerNorm;
  out.norm_epsilon = json_number(config, "layer_norm_epsilon", where, 1e-5);
  out.positions = PositionKind::kLearned;
  out.feed_forward = read_gelu(config, "activation_function", "gelu_new", where);
  out.attention_bias = out.attention_out_bias = out.mlp_bias = true;
  out.tied_embeddings = json_bool(config, "tie_word_embeddings", where, true);
}

void read_gpt_neox(const Json& config, const std::string& where, ModelConfig& out) {
  out.hidden_size = json_int(config, "hidden_size", where);
  out.intermediate_size = json_int(config, "intermediate_size", where);
  out.layers = json_int(config, "num_hidden_layers", where);
  out.heads = out.kv_heads = json_int(config, "num_attention_heads", where);
  check(out.heads > 0 && out.hidden_size % out.heads == 0,
        "{}: \"hidden_size\" is {} and \"num_attention_heads\" {}: expected a multiple", where, out.hidden_size,
        out.heads);
  out.head_dim = out.hidden_size / out.heads;
  out.max_positions = json_int(config, "max_position_embeddings", where, 2048);
  out.norm = NormKind::kLayerNorm;
  out.norm_epsilon = json_number(config, "layer_norm_eps", where, 1e-5);
  out.positions = PositionKind::kRotary;
  out.rope = read_rope(config, where, "rotary_emb_base");
  const double share = rotary_share(config, where, "rotary_pct", 0.25);
  out.rotary_dim = share > 0 && share <= 1 ? static_cast<int64_t>(static_cast<double>(out.head_dim) * share) : 0;
  check(out.rotary_dim > 0,
        "{}: the rotary share of a head (\"rotary_pct\") is {} of {} columns, expected 2 columns to all", where, share,
        out.head_dim);
  out.feed_forward = read_gelu(config, "hidden_act", "gelu", where);
  out.attention_bias = out.attention_out_bias = json_bool(config, "attention_bias", where, true);
  out.mlp_bias = true;
  out.tied_embeddings = json_bool(config, "tie_word_embeddings", where, false);
  out.parallel_residual = json_bool(config, "use_parallel_residual", where, true);
}

// Lethe's own: a GPT-NeoX whose tokens see their whole sequence, trained on masked tokens.
void read_gbert(const Json& config, const std::string& where, ModelConfig& out) {
  read_gpt_neox(config, where, out);
  out.causal = false;
}

Family gpt_neox_family(const char* model_type, void (*read)(const Json&, const std::string&, ModelConfig&)) {
  return {.model_type = model_type,
          .base_prefix = "gpt_neox.",
          .embedding = "gpt_neox.embed_in",
          .position_embedding = "",
          .final_norm = "gpt_neox.final_layer_norm",
          .head = "embed_out",
          .norm1 = "gpt_neox.layers.{}.input_layernorm",
          .norm2 = "gpt_neox.layers.{}.post_attention_layernorm",
          .qkv = {"gpt_neox.layers.{}.attention.query_key_value"},
          .qkv_by_head = true,
          .attention_out = "gpt_neox.layers.{}.attention.dense",
          .up = {"gpt_neox.layers.{}.mlp.dense_h_to_4h"},
          .down = "gpt_neox.layers.{}.mlp.dense_4h_to_h",
          .lora_targets = {"query_key_value"},
          .in_out = false,
          .read = read};
}

}  // namespace

const std::vector<Family>& families() {
  static const std::vector<Family> table = {
      {.model_type = "gpt2",
       .base_prefix = "transformer.",
       .embedding = "transformer.wte",
       .position_embedding = "transformer.wpe",
       .final_norm = "transformer.ln_f",
       .head = "lm_head",
       .norm1 = "transformer.h.{}.ln_1",
       .norm2 = "transformer.h.{}.ln_2",
       .qkv = {"transformer.h.{}.attn.c_attn"},
       .attention_out = "transformer.h.{}.attn.c_proj",
       .up = {"transformer.h.{}.mlp.c_fc"},
       .down = "transformer.h.{}.mlp.c_proj",
       .lora_targets = {"c_attn"},
       .in_out = true,
       .read = read_gpt2},
      {.model_type = "llama",
       .base_prefix = "model.",
       .embedding = "model.embed_tokens",
       .position_embedding = "",
       .final_norm = "model.norm",
       .head = "lm_head",
       .norm1 = "model.layers.{}.input_layernorm",
       .norm2 = "model.layers.{}.post_attention_layernorm",
       .qkv = {"model.layers.{}.self_attn.q_proj", "model.layers.{}.self_attn.k_proj",
               "model.layers.{}.self_attn.v_proj"},
       .attention_out = "model.layers.{}.self_attn.o_proj",
       .up = {"model.layers.{}.mlp.gate_proj", "model.layers.{}.mlp.up_proj"},
       .down = "model.layers.{}.mlp.down_proj",
       .lora_targets = {"q_proj", "v_proj"},
       .in_out = false,
       .read = read_llama},
      gpt_neox_family("gpt_neox", read_gpt_neox),
      gpt_neox_family("gbert", read_gbert),
  };
  return table;
}

const Family& family_of(const std::string& model_type, const std::string& where) {
  std::string known;
  for (const Family& family : families()) {
    if (model_type == family.model_type) return family;
    known += (known.empty() ? "" : ", ") + std::string(family.model_type);
  }
  fail("{}: \"model_type\" is \"{}\", known are {}", where, model_type, known);
}

std::string in_layer(const std::string& name, int64_t layer) {
  const size_t at = name.find("{}");
  return at == std::string::npos ? name : std::string(name).replace(at, 2, std::to_string(layer));
}

std::string last_part(const std::string& module) { return module.substr(module.rfind('.') + 1); }

std::string ParameterSpec::module() const { return name.substr(0, name.rfind('.')); }

int64_t ParameterSpec::size() const {
  int64_t n = 1;
  for (int64_t extent : shape) n *= extent;
  return n;
}

std::vector<ParameterSpec> parameter_specs(const ModelConfig& c) {
  using Role = ParameterSpec::Role;
  const Family& family = family_of(c.model_type, "the model");
  std::vector<ParameterSpec> specs;
  int layer = -1;
  const auto add = [&](const char* module, const char* suffix, std::vector<int64_t> shape, Role role) {
    specs.push_back({in_layer(module, layer) + suffix, std::move(shape), role, layer});
  };
  const auto norm = [&](const char* module) {
    add(module, ".weight", {c.hidden_size}, Role::kNormWeight);
    if (c.norm == NormKind::kLayerNorm) add(module, ".bias", {c.hidden_size}, Role::kNormBias);
  };
  const auto linear = [&](const std::vector<const char*>& modules, int64_t in, const std::vector<int64_t>& outs,
                          bool bias) {
    for (size_t i = 0; i < modules.size(); ++i)
      add(modules[i], ".weight", family.in_out ? std::vector<int64_t>{in, outs[i]} : std::vector<int64_t>{outs[i], in},
          Role::kLinearWeight);
    for (size_t i = 0; bias && i < modules.size(); ++i) add(modules[i], ".bias", {outs[i]}, Role::kLinearBias);
  };
  const int64_t q = c.q_size(), kv = c.kv_size();
  const std::vector<int64_t> qkv_outs =
      family.qkv.size() == 1 ? std::vector<int64_t>{q + 2 * kv} : std::vector<int64_t>{q, kv, kv};

  add(family.embedding, ".weight", {c.vocab_size, c.hidden_size}, Role::kEmbedding);
  if (*family.position_embedding)
    add(family.position_embedding, ".weight", {c.max_positions, c.hidden_size}, Role::kPositionEmbedding);
  for (layer = 0; layer < static_cast<int>(c.layers); ++layer) {
    norm(family.norm1);
    linear(family.qkv, c.hidden_size, qkv_outs, c.attention_bias);
    linear({family.attention_out}, q, {c.hidden_size}, c.attention_out_bias);
    norm(family.norm2);
    linear(family.up, c.hidden_size, std::vector<int64_t>(family.up.size(), c.intermediate_size), c.mlp_bias);
    linear({family.down}, c.intermediate_size, {c.hidden_size}, c.mlp_bias);
  }
  layer = -1;
  norm(family.final_norm);
  if (!c.tied_embeddings) add(family.head, ".weight", {c.vocab_size, c.hidden_size}, Role::kHead);
  return specs;
}

std::string canonical_name(const Family& family, const std::string& stored) {
  const std::string_view prefix = family.base_prefix;
  const auto lacks_prefix = [&](std::string_view module) {  // "h.0.ln_1.weight" begins with the "h." of a module
    if (!module.starts_with(prefix)) return false;
    module.remove_prefix(prefix.size());
    const std::string_view root = module.substr(0, module.find('.'));
    return stored.starts_with(root) && stored.size() > root.size() && stored[root.size()] == '.';
  };
  for (const char* module : {family.embedding, family.position_embedding, family.norm1, family.final_norm})
    if (lacks_prefix(module)) return std::string(prefix) + stored;
  return stored;
}

}  // namespace lethe::model
