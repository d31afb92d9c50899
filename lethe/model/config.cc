#include "lethe/model/config.h"

#include "lethe/base/error.h"
#include "lethe/model/families.h"

namespace lethe::model {

std::vector<int64_t> token_ids(const Json& config, const char* key, const std::string& where) {
  const auto it = config.find(key);
  if (it == config.end() || it->is_null()) return {};
  std::vector<int64_t> ids;
  for (const Json& id : it->is_array() ? *it : Json::array({*it})) {
    check(id.is_number_integer(), "{}: \"{}\" holds {}, expected token ids", where, key, shown(id));
    if (id.get<int64_t>() >= 0) ids.push_back(id.get<int64_t>());  // some files say -1 for "none"
  }
  return ids;
}

ModelConfig read_config(const Json& config, const std::string& where) {
  ModelConfig out;
  out.model_type = json_string(config, "model_type", where);
  const Family& family = family_of(out.model_type, where);
  const auto quantised = config.find("quantization_config");
  check(quantised == config.end() || quantised->is_null(),
        "{}: the weights are quantised (\"quantization_config\"), expected F32, F16 or BF16 weights or a GGUF file",
        where);
  out.vocab_size = json_int(config, "vocab_size", where);
  family.read(config, where, out);
  if (out.positions == PositionKind::kRotary && out.rotary_dim == 0) out.rotary_dim = out.head_dim;
  out.eos_ids = token_ids(config, "eos_token_id", where);

  // Bounds far above any model keep every product of two extents inside int64_t.
  const auto in_range = [&](const char* what, int64_t value, int64_t most) {
    check(value >= 1 && value <= most, "{}: the {} is {}, expected 1 to {}", where, what, value, most);
  };
  const int64_t most = 1 << 26;
  in_range("vocabulary size", out.vocab_size, most);
  in_range("hidden size", out.hidden_size, most);
  in_range("feed-forward size", out.intermediate_size, most);
  in_range("number of layers", out.layers, 10000);
  in_range("number of heads", out.heads, 1 << 20);
  in_range("number of key/value heads", out.kv_heads, out.heads);
  in_range("head size", out.head_dim, 1 << 20);
  in_range("number of positions", out.max_positions, int64_t{1} << 40);
  check(out.heads % out.kv_heads == 0, "{}: {} heads over {} key/value heads, expected a multiple", where, out.heads,
        out.kv_heads);
  check(out.rotary_dim % 2 == 0 && out.rotary_dim >= 0 && out.rotary_dim <= out.head_dim,
        "{}: rotary positions turn {} of a head's {} columns, expected an even number, at most all of them", where,
        out.rotary_dim, out.head_dim);
  check(out.norm_epsilon >= 0, "{}: the norm's epsilon is {}, expected 0 or more", where, out.norm_epsilon);
  return out;
}

void check_causal(const ModelConfig& config, const std::string& what, const char* use) {
  check(config.causal, "{}: a {} model reads in both directions and predicts masked tokens: it cannot {}", what,
        config.model_type, use);
}

}  // namespace lethe::model
