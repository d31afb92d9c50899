#include "lethe/model/gguf_model.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <map>
#include <numbers>

#include "lethe/base/error.h"
#include "lethe/model/families.h"
#include "lethe/model/gguf_dequant.h"
#include "lethe/model/safetensors.h"

namespace lethe::model {
namespace {

constexpr const char* kRopeFactors = "rope_freqs.weight";

const GgufTensor* find(const Gguf& gguf, const std::string& name) {
  const auto it =
      std::find_if(gguf.tensors.begin(), gguf.tensors.end(), [&](const GgufTensor& t) { return t.name == name; });
  return it == gguf.tensors.end() ? nullptr : &*it;
}

// The head is tied when the file has none, or one that is the embedding's bytes again.
bool is_tied(const Gguf& gguf, std::span<const std::byte> file) {
  const GgufTensor *head = find(gguf, "output.weight"), *embedding = find(gguf, "token_embd.weight");
  if (!head || !embedding) return true;
  return head->type == embedding->type && head->bytes == embedding->bytes &&
         std::memcmp(file.data() + head->begin, file.data() + embedding->begin, head->bytes) == 0;
}

// Llama 3's scaling is kept as one factor for each frequency. The settings that make these factors are found by trying
// those that Llama 3 models have; the largest factor is the scaling's own.
// Source: _compute_llama3_parameters in transformers' modeling_rope_utils.
Json llama3_scaling(const std::vector<float>& factors, double theta, double original, const std::string& where) {
  const double factor = *std::max_element(factors.begin(), factors.end());
  const double low = 1, high = 4, dim = 2 * static_cast<double>(factors.size());
  for (size_t i = 0; i < factors.size(); ++i) {
    const double wavelength = 2 * std::numbers::pi * std::pow(theta, 2 * static_cast<double>(i) / dim);
    const double smooth = std::clamp((original / wavelength - low) / (high - low), 0., 1.);
    const double expected = 1 / ((1 - smooth) / factor + smooth);
    check(
        std::abs(factors[i] - expected) <= 1e-3 * expected,
        "{}: {} holds {} for frequency {}, expected {:.6g} by llama3's scaling (factor {:.6g}, original positions {}): "
        "other scalings are not supported",
        where, kRopeFactors, factors[i], i, expected, factor, original);
  }
  return {{"rope_type", "llama3"},
          {"factor", factor},
          {"low_freq_factor", low},
          {"high_freq_factor", high},
          {"original_max_position_embeddings", static_cast<int64_t>(original)}};
}

Json rope_scaling(const Gguf& gguf, std::span<const std::byte> file, double theta, const std::string& where) {
  if (const GgufTensor* tensor = find(gguf, kRopeFactors)) {
    check(tensor->shape.size() == 1 && tensor->shape[0] > 0 && tensor->type->block == 1,
          "{}: the tensor \"{}\" is {} {}, expected a vector of floats", where, kRopeFactors, tensor->type->name,
          shape_text(tensor->shape));
    std::vector<float> factors(static_cast<size_t>(tensor->shape[0]));
    dequantise(*tensor->type, file.data() + tensor->begin, tensor->shape[0], factors.data());
    if (std::any_of(factors.begin(), factors.end(), [](float f) { return f != 1; }))
      return llama3_scaling(
          factors, theta, json_number(gguf.metadata, "llama.rope.scaling.original_context_length", where, 8192), where);
  }
  const double old_linear = json_number(gguf.metadata, "llama.rope.scale_linear", where, 1);  // files of 2023
  const std::string type =
      json_string(gguf.metadata, "llama.rope.scaling.type", where, old_linear == 1 ? "none" : "linear");
  if (type == "none") return nullptr;
  return {{"rope_type", type}, {"factor", json_number(gguf.metadata, "llama.rope.scaling.factor", where, old_linear)}};
}

Json llama_config(const Gguf& gguf, std::span<const std::byte> file, const std::string& where) {
  const Json& m = gguf.metadata;
  check(json_int(m, "llama.expert_count", where, 0) == 0, "{}: a mixture of experts is not supported", where);
  const int64_t hidden = json_int(m, "llama.embedding_length", where);
  const int64_t heads = json_int(m, "llama.attention.head_count", where);
  check(heads > 0, "{}: \"llama.attention.head_count\" is {}, expected a positive number", where, heads);
  const int64_t head_dim = json_int(m, "llama.attention.key_length", where, hidden / heads);
  const int64_t rotary = json_int(m, "llama.rope.dimension_count", where, head_dim);
  check(rotary == head_dim, "{}: \"llama.rope.dimension_count\" is {}, expected the head's size {}", where, rotary,
        head_dim);
  const double theta = json_number(m, "llama.rope.freq_base", where, 10000);
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"hidden_size", hidden},
          {"intermediate_size", json_int(m, "llama.feed_forward_length", where)},
          {"num_hidden_layers", json_int(m, "llama.block_count", where)},
          {"num_attention_heads", heads},
          {"num_key_value_heads", json_int(m, "llama.attention.head_count_kv", where, heads)},
          {"head_dim", head_dim},
          {"hidden_act", "silu"},
          {"max_position_embeddings", json_int(m, "llama.context_length", where)},
          {"rms_norm_eps", json_number(m, "llama.attention.layer_norm_rms_epsilon", where)},
          {"rope_theta", theta},
          {"rope_scaling", rope_scaling(gguf, file, theta, where)},
          {"attention_bias", find(gguf, "blk.0.attn_q.bias") != nullptr},
          {"mlp_bias", find(gguf, "blk.0.ffn_gate.bias") != nullptr}};
}

Json gpt2_config(const Gguf& gguf, std::span<const std::byte>, const std::string& where) {
  const Json& m = gguf.metadata;
  const int64_t hidden = json_int(m, "gpt2.embedding_length", where);
  return {{"architectures", {"GPT2LMHeadModel"}},
          {"model_type", "gpt2"},
          {"n_embd", hidden},
          {"n_inner", json_int(m, "gpt2.feed_forward_length", where)},
          {"n_layer", json_int(m, "gpt2.block_count", where)},
          {"n_head", json_int(m, "gpt2.attention.head_count", where)},
          {"n_positions", json_int(m, "gpt2.context_length", where)},
          {"activation_function", "gelu_new"},
          {"layer_norm_epsilon", json_number(m, "gpt2.attention.layer_norm_epsilon", where)}};
}

// A family's tensors by their names in GGUF files, without the layer and without ".weight" or ".bias".
std::map<std::string, std::string> modules_of(const Family& family) {
  std::map<std::string, std::string> modules = {{"token_embd", family.embedding},
                                                {"position_embd", family.position_embedding},
                                                {"output_norm", family.final_norm},
                                                {"output", family.head},
                                                {"blk.{}.attn_norm", family.norm1},
                                                {"blk.{}.ffn_norm", family.norm2},
                                                {"blk.{}.attn_output", family.attention_out},
                                                {"blk.{}.ffn_down", family.down},
                                                {"blk.{}.ffn_up", family.up.back()}};
  if (family.up.size() == 2) modules["blk.{}.ffn_gate"] = family.up[0];
  if (family.qkv.size() == 1) {
    modules["blk.{}.attn_qkv"] = family.qkv[0];
  } else {
    const char* names[] = {"blk.{}.attn_q", "blk.{}.attn_k", "blk.{}.attn_v"};
    for (size_t i = 0; i < 3; ++i) modules[names[i]] = family.qkv[i];
  }
  std::erase_if(modules, [](const auto& item) { return item.second.empty(); });
  return modules;
}

// "blk.12.attn_q.weight" is the layer 12 of "blk.{}.attn_q"; outside the layers -1.
struct Place {
  std::string module, suffix;
  int layer = -1;
};
Place place_of(const std::string& name) {
  Place place;
  const size_t dot = std::min(name.rfind('.'), name.size());
  place.module = name.substr(0, dot);
  place.suffix = name.substr(dot);
  if (!name.starts_with("blk.")) return place;
  const char* digits = name.data() + 4;
  const auto [end, error] = std::from_chars(digits, name.data() + dot, place.layer);
  if (error == std::errc()) place.module.replace(4, static_cast<size_t>(end - digits), "{}");
  return place;
}

}  // namespace

Json gguf_config(const Gguf& gguf, std::span<const std::byte> file, const std::string& where) {
  const Json& m = gguf.metadata;
  const std::string architecture = json_string(m, "general.architecture", where);
  check(architecture == "llama" || architecture == "gpt2",
        "{}: \"general.architecture\" is \"{}\", known are gpt2, llama", where, architecture);
  Json config = (architecture == "llama" ? llama_config : gpt2_config)(gguf, file, where);
  const GgufTensor* embedding = find(gguf, "token_embd.weight");
  check(embedding && embedding->shape.size() == 2, "{}: the tensor \"token_embd.weight\" is missing or no matrix",
        where);
  config["vocab_size"] = embedding->shape[0];
  config["tie_word_embeddings"] = is_tied(gguf, file);
  for (const auto& [field, key] : {std::pair("bos_token_id", "tokenizer.ggml.bos_token_id"),
                                   std::pair("eos_token_id", "tokenizer.ggml.eos_token_id"),
                                   std::pair("pad_token_id", "tokenizer.ggml.padding_token_id")})
    config[field] = m.contains(key) ? Json(json_int(m, key, where)) : Json();
  // The end of a turn ends a generation too.
  const int64_t turn = json_int(m, "tokenizer.ggml.eot_token_id", where, -1);
  if (turn >= 0 && config["eos_token_id"].is_number() && config["eos_token_id"] != turn)
    config["eos_token_id"] = {config["eos_token_id"], turn};
  return config;
}

std::vector<StoredTensor> gguf_tensors(const Gguf& gguf, const ModelConfig& config, const std::string& where) {
  const Family& family = family_of(config.model_type, where);
  const std::map<std::string, std::string> modules = modules_of(family);
  std::vector<StoredTensor> tensors;
  for (const GgufTensor& from : gguf.tensors) {
    if (from.name == kRopeFactors) continue;
    const Place place = place_of(from.name);
    const auto it = modules.find(place.module);
    check(it != modules.end(), "{}: the tensor \"{}\" is not one of a {} model", where, from.name, config.model_type);
    StoredTensor to;
    to.name = it->second + place.suffix;
    if (const size_t at = to.name.find("{}"); at != std::string::npos)
      to.name.replace(at, 2, std::to_string(place.layer));
    to.stored_name = from.name;
    to.dtype = from.type->name;
    to.shape = from.shape;
    to.offset = from.begin;
    to.bytes = from.bytes;
    // Matrices lie [out, in] in every GGUF file.
    to.transposed = family.in_out && place.layer >= 0 && from.shape.size() == 2;
    if (to.transposed) std::swap(to.shape[0], to.shape[1]);
    // Only llama's rotary rows are interleaved.
    if (place.module == "blk.{}.attn_q" || place.module == "blk.{}.attn_k") {
      to.interleaved_heads = place.module == "blk.{}.attn_q" ? config.heads : config.kv_heads;
      check(to.shape[0] == to.interleaved_heads * config.head_dim,
            "{}: the tensor \"{}\" has {} rows, expected {} heads of {}", where, from.name, to.shape[0],
            to.interleaved_heads, config.head_dim);
    }
    tensors.push_back(std::move(to));
  }
  return tensors;
}

}  // namespace lethe::model
