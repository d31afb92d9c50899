#include "lethe/model/config.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <map>

#include "lethe/base/error.h"
#include "lethe/model/families.h"

using namespace lethe;
using namespace lethe::model;

namespace {

Json llama() {
  return Json::parse(R"({"model_type":"llama","vocab_size":32,"hidden_size":16,"intermediate_size":24,
    "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"max_position_embeddings":64,
    "rms_norm_eps":1e-5,"eos_token_id":[2,5],"bos_token_id":1})");
}
Json gpt2() {
  return Json::parse(R"({"model_type":"gpt2","vocab_size":32,"n_embd":16,"n_layer":2,"n_head":4,"n_positions":64})");
}
Json gpt_neox() {
  return Json::parse(R"({"model_type":"gpt_neox","vocab_size":32,"hidden_size":32,"intermediate_size":24,
    "num_hidden_layers":2,"num_attention_heads":4})");
}
ModelConfig with(Json config, const char* changes) {
  config.merge_patch(Json::parse(changes));
  return read_config(config, "c.json");
}
std::map<std::string, std::vector<int64_t>> shapes(const ModelConfig& config) {
  std::map<std::string, std::vector<int64_t>> out;
  for (const ParameterSpec& spec : parameter_specs(config)) out[spec.name] = spec.shape;
  return out;
}

}  // namespace

TEST_CASE("Llama: fields, defaults and rotary settings of transformers 4 and 5") {
  const ModelConfig c = with(llama(), "{}");
  CHECK(c.head_dim == 4);
  CHECK(c.kv_size() == 8);
  CHECK(c.eos_ids == std::vector<int64_t>{2, 5});
  CHECK_FALSE(c.tied_embeddings);
  CHECK_FALSE(c.attention_bias);
  CHECK(c.rope.theta == 10000);
  CHECK(with(llama(), R"({"num_key_value_heads":null})").kv_heads == 4);
  CHECK(with(llama(), R"({"head_dim":6})").q_size() == 24);
  CHECK(with(llama(), R"({"rope_theta":5e5})").rope.theta == 5e5);
  CHECK(with(llama(), R"({"eos_token_id":7})").eos_ids == std::vector<int64_t>{7});
  CHECK(with(llama(), R"({"eos_token_id":null})").eos_ids.empty());

  const ModelConfig linear = with(llama(), R"({"rope_scaling":{"type":"linear","factor":4}})");
  CHECK(linear.rope.scaling == RopeConfig::Scaling::kLinear);
  CHECK(linear.rope.factor == 4);
  const ModelConfig v5 = with(llama(), R"({"rope_parameters":{"rope_type":"llama3","rope_theta":5e5,"factor":8,
      "low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":8192}})");
  CHECK(v5.rope.scaling == RopeConfig::Scaling::kLlama3);
  CHECK(v5.rope.theta == 5e5);
  CHECK(v5.rope.original_max_positions == 8192);
  CHECK(with(llama(), R"({"rope_parameters":{"rope_type":"default","rope_theta":3}})").rope.theta == 3);
}

TEST_CASE("GPT-2: fields and defaults") {
  const ModelConfig c = with(gpt2(), "{}");
  CHECK(c.intermediate_size == 64);
  CHECK(c.kv_heads == 4);
  CHECK(c.tied_embeddings);
  CHECK(c.mlp_bias);
  CHECK(c.attention_out_bias);
  CHECK(c.feed_forward == FeedForwardKind::kGeluTanh);
  CHECK(with(gpt2(), R"({"n_inner":40,"activation_function":"gelu"})").intermediate_size == 40);
  CHECK(with(gpt2(), R"({"activation_function":"gelu"})").feed_forward == FeedForwardKind::kGeluErf);
}

TEST_CASE("GPT-NeoX: fields, defaults, and the rotary share of transformers 4 and 5") {
  const ModelConfig c = with(gpt_neox(), "{}");
  CHECK(c.rotary_dim == 2);
  CHECK(c.rope.theta == 10000);
  CHECK(c.max_positions == 2048);
  CHECK(c.norm == NormKind::kLayerNorm);
  CHECK(c.parallel_residual);
  CHECK(c.causal);
  CHECK_FALSE(c.tied_embeddings);
  CHECK(c.attention_bias);
  CHECK(c.mlp_bias);
  CHECK(c.feed_forward == FeedForwardKind::kGeluErf);
  for (const char* tanh : {"gelu_new", "gelu_fast", "gelu_pytorch_tanh"})
    CHECK(with(gpt_neox(), fmt::format(R"({{"hidden_act":"{}"}})", tanh).c_str()).feed_forward ==
          FeedForwardKind::kGeluTanh);
  const ModelConfig other = with(gpt_neox(), R"({"use_parallel_residual":false,"attention_bias":false,"rotary_pct":1,
      "rotary_emb_base":300,"tie_word_embeddings":true})");
  CHECK_FALSE(other.parallel_residual);
  CHECK_FALSE(other.attention_bias);
  CHECK_FALSE(other.attention_out_bias);
  CHECK(other.mlp_bias);
  CHECK(other.rotary_dim == 8);
  CHECK(other.rope.theta == 300);
  CHECK(other.tied_embeddings);
  const ModelConfig v5 = with(gpt_neox(), R"({"rope_parameters":{"rope_type":"default","rope_theta":7,
      "partial_rotary_factor":0.6}})");
  CHECK(v5.rotary_dim == 4);  // int(8 * 0.6)
  CHECK(v5.rope.theta == 7);
  CHECK(rotary_inverse_frequencies(v5) == std::vector<float>{1, 1 / std::sqrt(7.0f)});
  CHECK_FALSE(with(gpt_neox(), R"({"model_type":"gbert"})").causal);
}

TEST_CASE("parameters: names, shapes and order") {
  const auto l = shapes(with(llama(), R"({"attention_bias":true,"mlp_bias":true})"));
  CHECK(l.size() == 2 * (2 + 4 + 4 + 3 + 3) + 3);
  CHECK(l.at("model.layers.1.self_attn.k_proj.weight") == std::vector<int64_t>{8, 16});
  CHECK(l.at("model.layers.1.self_attn.o_proj.bias") == std::vector<int64_t>{16});
  CHECK(l.at("model.layers.0.mlp.down_proj.weight") == std::vector<int64_t>{16, 24});
  CHECK(l.at("lm_head.weight") == std::vector<int64_t>{32, 16});

  const auto g = shapes(with(gpt2(), "{}"));
  CHECK(g.size() == 2 * (4 + 4 + 4) + 4);
  CHECK(g.at("transformer.h.1.attn.c_attn.weight") == std::vector<int64_t>{16, 48});
  CHECK(g.at("transformer.h.1.attn.c_attn.bias") == std::vector<int64_t>{48});
  CHECK(g.at("transformer.wpe.weight") == std::vector<int64_t>{64, 16});
  CHECK(g.count("lm_head.weight") == 0);
  CHECK(shapes(with(gpt2(), R"({"tie_word_embeddings":false})")).count("lm_head.weight") == 1);

  const auto x = shapes(with(gpt_neox(), "{}"));
  CHECK(x.size() == 2 * (4 + 4 + 4) + 4);
  CHECK(x.at("gpt_neox.layers.1.attention.query_key_value.weight") == std::vector<int64_t>{96, 32});
  CHECK(x.at("gpt_neox.layers.1.mlp.dense_4h_to_h.bias") == std::vector<int64_t>{32});
  CHECK(x.at("embed_out.weight") == std::vector<int64_t>{32, 32});
  CHECK(shapes(with(gpt_neox(), R"({"model_type":"gbert"})")) == x);

  const auto specs = parameter_specs(with(llama(), R"({"attention_bias":true})"));
  CHECK(specs[0].role == ParameterSpec::Role::kEmbedding);
  CHECK(specs[0].layer == -1);
  CHECK(specs[2].name == "model.layers.0.self_attn.q_proj.weight");
  CHECK(specs[4].name == "model.layers.0.self_attn.v_proj.weight");
  CHECK(specs[5].name == "model.layers.0.self_attn.q_proj.bias");
  CHECK(specs[5].role == ParameterSpec::Role::kLinearBias);
  CHECK(specs[5].layer == 0);
  CHECK(specs.back().role == ParameterSpec::Role::kHead);
  CHECK(specs.back().size() == 32 * 16);
}

TEST_CASE("canonical names: files saved from the bare model lack the prefix") {
  const Family& g = family_of("gpt2", "");
  CHECK(canonical_name(g, "h.0.ln_1.weight") == "transformer.h.0.ln_1.weight");
  CHECK(canonical_name(g, "wte.weight") == "transformer.wte.weight");
  CHECK(canonical_name(g, "transformer.wte.weight") == "transformer.wte.weight");
  CHECK(canonical_name(g, "lm_head.weight") == "lm_head.weight");
  CHECK(canonical_name(g, "health.weight") == "health.weight");
  CHECK(canonical_name(family_of("llama", ""), "norm.weight") == "model.norm.weight");
}

TEST_CASE("what cannot be computed is refused with the field's name") {
  const auto wrong = [](const Json& base, const char* changes, const char* message) {
    CAPTURE(changes);
    CHECK_THROWS_WITH_AS(with(base, changes), doctest::Contains(message), Error);
  };
  wrong(llama(), R"({"model_type":"bert"})", "c.json: \"model_type\" is \"bert\", known are gpt2, llama");
  wrong(llama(), R"({"model_type":null})", "\"model_type\" is missing");
  wrong(llama(), R"({"hidden_act":"gelu"})", "hidden_act");
  wrong(llama(), R"({"rope_scaling":{"rope_type":"yarn","factor":2}})", "\"yarn\", supported are");
  wrong(llama(), R"({"rope_scaling":{"type":"dynamic","factor":2}})", "dynamic");
  wrong(llama(), R"({"rope_scaling":[1]})", "expected an object");
  wrong(llama(), R"({"rope_scaling":{"type":"linear"}})", "\"factor\" is missing");
  wrong(llama(), R"({"rope_scaling":{"type":"linear","factor":0}})", "factor");
  wrong(llama(), R"({"rope_scaling":{"rope_type":"llama3","factor":2,"low_freq_factor":4,"high_freq_factor":1,
      "original_max_position_embeddings":8}})",
        "high_freq_factor");
  wrong(llama(), R"({"rope_theta":-1})", "rope_theta");
  wrong(llama(), R"({"partial_rotary_factor":0.5})", "partial_rotary_factor");
  wrong(llama(), R"({"num_attention_heads":0})", "num_attention_heads");
  wrong(llama(), R"({"num_key_value_heads":3})", "3 key/value heads");
  wrong(llama(), R"({"num_key_value_heads":8})", "key/value heads");
  wrong(llama(), R"({"head_dim":3})", "even");
  wrong(llama(), R"({"hidden_size":9223372036854775807})", "hidden size");
  wrong(llama(), R"({"num_hidden_layers":1000000000})", "number of layers");
  wrong(llama(), R"({"vocab_size":-4})", "vocabulary size");
  wrong(llama(), R"({"vocab_size":"many"})", "expected an integer");
  wrong(llama(), R"({"eos_token_id":"</s>"})", "eos_token_id");
  wrong(llama(), R"({"quantization_config":{"quant_method":"gptq"}})", "quantised");
  wrong(gpt2(), R"({"scale_attn_by_inverse_layer_idx":true})", "scale_attn_by_inverse_layer_idx");
  wrong(gpt2(), R"({"scale_attn_weights":false})", "scale_attn_weights");
  wrong(gpt2(), R"({"add_cross_attention":true})", "add_cross_attention");
  wrong(gpt2(), R"({"activation_function":"relu"})", "activation_function");
  wrong(gpt2(), R"({"n_head":5})", "n_head");
  wrong(gpt2(), R"({"n_embd":9223372036854775807})", "n_embd");
  wrong(gpt_neox(), R"({"num_attention_heads":5})", "num_attention_heads");
  wrong(gpt_neox(), R"({"rotary_pct":0})", "\"rotary_pct\") is 0 of 8 columns");
  wrong(gpt_neox(), R"({"rotary_pct":1.5})", "rotary_pct");
  wrong(gpt_neox(), R"({"rotary_pct":0.4})", "turn 3 of a head's 8 columns");
  wrong(gpt_neox(), R"({"hidden_act":"relu"})", "hidden_act");
  wrong(gpt_neox(), R"({"rope_parameters":{"rope_type":"yarn"}})", "yarn");
  CHECK_THROWS_AS(read_config(Json::array(), "c.json"), Error);
}
