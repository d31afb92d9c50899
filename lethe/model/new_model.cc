#include "lethe/model/new_model.h"

#include <algorithm>
#include <cmath>

#include "lethe/base/error.h"
#include "lethe/base/random.h"
#include "lethe/model/families.h"
#include "lethe/model/safetensors.h"
#include "lethe/model/staged_directory.h"
#include "lethe/model/write_model.h"
#include "lethe/tensor/parallel.h"

namespace lethe::model {
namespace {

using Role = ParameterSpec::Role;

constexpr double kRotaryShare = 0.25;

Json id_or_null(int64_t id) { return id < 0 ? Json() : Json(id); }

Json gpt_neox_config(const NewModel& m) {
  return {{"architectures", {"GPTNeoXForCausalLM"}},
          {"model_type", "gpt_neox"},
          {"hidden_size", m.hidden_size},
          {"intermediate_size", m.intermediate_size > 0 ? m.intermediate_size : 4 * m.hidden_size},
          {"num_hidden_layers", m.layers},
          {"num_attention_heads", m.heads},
          {"max_position_embeddings", m.max_positions},
          {"hidden_act", "gelu"},
          {"layer_norm_eps", 1e-5},
          {"rotary_pct", kRotaryShare},
          {"rotary_emb_base", 10000},
          {"attention_bias", true},
          {"use_parallel_residual", false},
          {"attention_dropout", 0.0},
          {"hidden_dropout", 0.0}};
}

Json gbert_config(const NewModel& m) {
  Json config = gpt_neox_config(m);
  config.erase("architectures");
  config["model_type"] = "gbert";
  config["lethe_note"] =
      "Lethe's own: GPT-NeoX with full attention, trained on masked tokens. transformers has no class for it.";
  return config;
}

Json gpt2_config(const NewModel& m) {
  return {{"architectures", {"GPT2LMHeadModel"}},
          {"model_type", "gpt2"},
          {"n_embd", m.hidden_size},
          {"n_inner", m.intermediate_size > 0 ? Json(m.intermediate_size) : Json()},
          {"n_layer", m.layers},
          {"n_head", m.heads},
          {"n_positions", m.max_positions},
          {"activation_function", "gelu_new"},
          {"layer_norm_epsilon", 1e-5},
          {"attn_pdrop", 0.0},
          {"embd_pdrop", 0.0},
          {"resid_pdrop", 0.0}};
}

Json llama_config(const NewModel& m) {
  const int64_t two_thirds = (8 * m.hidden_size / 3 + 63) / 64 * 64;
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"hidden_size", m.hidden_size},
          {"intermediate_size", m.intermediate_size > 0 ? m.intermediate_size : two_thirds},
          {"num_hidden_layers", m.layers},
          {"num_attention_heads", m.heads},
          {"num_key_value_heads", m.heads},
          {"max_position_embeddings", m.max_positions},
          {"hidden_act", "silu"},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 10000.0},
          {"attention_bias", false},
          {"mlp_bias", false},
          {"attention_dropout", 0.0}};
}

struct Kind {
  const char* name;
  int64_t heads_multiple;  // of a head's columns: rotary positions turn pairs
  Json (*config)(const NewModel&);
};
constexpr Kind kKinds[] = {{"gpt2-rotary", 8, gpt_neox_config},
                           {"gpt2", 1, gpt2_config},
                           {"llama", 2, llama_config},
                           {"gbert", 8, gbert_config}};

// Where a product's output is added to the residual stream.
bool enters_residual(const Family& family, const ParameterSpec& spec) {
  return spec.role == Role::kLinearWeight && (spec.module() == in_layer(family.attention_out, spec.layer) ||
                                              spec.module() == in_layer(family.down, spec.layer));
}

}  // namespace

Json new_config(const NewModel& m) {
  const auto kind = std::ranges::find(kKinds, m.family, &Kind::name);
  check(kind != std::end(kKinds), "a new model: the family is \"{}\", known are gpt2-rotary, gpt2, llama, gbert",
        m.family);
  const std::string where = "a new " + m.family + " model";
  const auto at_least_one = [&](const char* what, int64_t value) {
    check(value >= 1 && value <= 1 << 26, "{}: {} is {}, expected 1 to {}", where, what, value, 1 << 26);
  };
  at_least_one("layers", m.layers);
  at_least_one("heads", m.heads);
  at_least_one("hidden_size", m.hidden_size);
  at_least_one("vocab_size", m.vocab_size);
  at_least_one("max_positions", m.max_positions);
  check(m.intermediate_size >= 0, "{}: intermediate_size is {}, expected 0 (the usual) or more", where,
        m.intermediate_size);
  check(m.hidden_size % m.heads == 0, "{}: hidden_size is {}, expected a multiple of the {} heads", where,
        m.hidden_size, m.heads);
  const int64_t head = m.hidden_size / m.heads;
  check(head % kind->heads_multiple == 0,
        "{}: hidden_size {} over {} heads gives each {} columns, its rotary positions need a multiple of {}", where,
        m.hidden_size, m.heads, head, kind->heads_multiple);
  for (const auto& [name, id] : {std::pair("bos_id", m.bos_id), std::pair("eos_id", m.eos_id)})
    check(id >= -1 && id < m.vocab_size, "{}: {} is {}, expected a token below vocab_size {}, or -1 for none", where,
          name, id, m.vocab_size);

  Json config = kind->config(m);
  config["vocab_size"] = m.vocab_size;
  config["tie_word_embeddings"] = true;
  config["initializer_range"] = m.initializer_range;
  config["bos_token_id"] = id_or_null(m.bos_id);
  config["eos_token_id"] = id_or_null(m.eos_id);
  config["dtype"] = "float32";
  read_config(config, where);
  return config;
}

Transformer new_transformer(const ModelConfig& config, DType precision, uint64_t seed, bool train,
                            double initializer_range) {
  Transformer model(config, precision, train);
  const Family& family = family_of(config.model_type, "the model");
  for (const Parameters::Slot& slot : model.parameters().slots()) {
    const ParameterSpec& spec = slot.spec;
    std::vector<float> values(static_cast<size_t>(spec.size()), spec.role == Role::kNormWeight ? 1.0f : 0.0f);
    if (!spec.is_vector()) {
      const double deviation = enters_residual(family, spec)
                                   ? initializer_range / std::sqrt(2.0 * static_cast<double>(config.layers))
                                   : initializer_range;
      const int64_t cols = spec.shape[1];
      tensor::parallel_for(spec.shape[0], 16, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          Random random(seed, spec.name, static_cast<uint64_t>(row));
          for (int64_t i = row * cols; i < (row + 1) * cols; ++i)
            values[static_cast<size_t>(i)] = static_cast<float>(deviation * random.normal());
        }
      });
    }
    model.parameters().set(slot, values.data());
  }
  return model;
}

void write_new_model(const fs::path& out, const Json& config, const Transformer& transformer, const fs::path& tokenizer,
                     bool overwrite, const std::string& dtype) {
  const std::string where = "writing " + out.string();
  check(computable_dtype(dtype).has_value(), "{}: the dtype is \"{}\", expected F32, F16 or BF16", where, dtype);
  check(fs::exists(tokenizer / "tokenizer.json"), "{}: no tokenizer.json in {}", where, tokenizer.string());
  const Parameters& parameters = transformer.parameters();
  std::vector<SafetensorsEntry> entries;
  for (const ParameterSpec& spec : parameter_specs(read_config(config, where))) {
    check(parameters.has(spec.name) && parameters.slot(spec.name).spec.shape == spec.shape,
          "{}: config.json asks for the tensor \"{}\" {}, which the model does not have", where, spec.name,
          shape_text(spec.shape));
    entries.push_back({spec.name, dtype, spec.shape});
  }
  std::ranges::sort(entries, {}, &SafetensorsEntry::name);
  const std::string header = safetensors_header(entries, {{"format", "pt"}});

  const std::vector<fs::path> stale = files_to_replace(out, overwrite);
  StagedDirectory staged(out);
  add_tokenizer(tokenizer, staged);
  staged.add("generation_config.json", generation_config_text(config));
  const int file = staged.create("model.safetensors");
  staged.write(file, 0, std::as_bytes(std::span(header)));
  std::vector<float> values;
  for (const SafetensorsEntry& entry : entries) {
    const Parameters::Slot& slot = parameters.slot(entry.name);
    values.resize(static_cast<size_t>(slot.spec.size()));
    parameters.get(slot, values.data());
    const int64_t cols = entry.shape.back();
    write_rows(staged, file, entry, [&](int64_t first, int64_t rows, float* to) {
      std::copy_n(values.data() + first * cols, rows * cols, to);
    });
  }
  Json written = config;
  written["dtype"] = name_in_config(dtype);
  staged.add("config.json", written.dump(2) + "\n");
  staged.commit(stale);
}

}  // namespace lethe::model
