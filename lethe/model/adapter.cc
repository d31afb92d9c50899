#include "lethe/model/adapter.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "lethe/base/error.h"
#include "lethe/model/families.h"
#include "lethe/model/safetensors.h"
#include "lethe/model/staged_directory.h"
#include "lethe/tensor/ops.h"

namespace lethe::model {
namespace {

using tensor::DType;
using tensor::Tensor;
using Role = ParameterSpec::Role;

constexpr std::string_view kPrefix = "base_model.model.";
constexpr const char* kConfigName = "adapter_config.json";
constexpr const char* kWeightsName = "adapter_model.safetensors";

// Fields that change what an adapter means: each must be empty, false or "none".
void refuse_other_kinds(const Json& config, const std::string& where) {
  const std::string type = json_string(config, "peft_type", where);
  check(type == "LORA", "{}: \"peft_type\" is \"{}\", only LORA is supported", where, type);
  for (const char* field :
       {"use_dora", "bias", "lora_bias", "modules_to_save", "layer_replication", "trainable_token_indices",
        "target_parameters", "use_qalora", "use_bdlora", "alora_invocation_tokens"}) {
    const auto it = config.find(field);
    if (it == config.end() || it->is_null() || *it == false || *it == "none") continue;
    check((it->is_array() || it->is_object()) && it->empty(), "{}: \"{}\" is {}, this kind of adapter is not supported",
          where, field, it->dump());
  }
}

// Which module a stored tensor belongs to, and whether it is A or B; none: an embedding saved beside its adapter.
struct Part {
  std::string module;
  bool is_b, embedding;
};
std::optional<Part> part_of(const std::string& stored, const Family& family, const std::string& where) {
  std::string name = stored.starts_with(kPrefix) ? stored.substr(kPrefix.size()) : stored;
  if (name.ends_with(".base_layer.weight")) return std::nullopt;
  for (const auto& [suffix, is_b, embedding] :
       {std::tuple(".lora_A.weight", false, false), std::tuple(".lora_B.weight", true, false),
        std::tuple(".lora_embedding_A", false, true), std::tuple(".lora_embedding_B", true, true)}) {
    if (!name.ends_with(suffix)) continue;
    name.resize(name.size() - std::string_view(suffix).size());
    name = canonical_name(family, name + ".");  // with the dot that a module's name has before "weight"
    return Part{name.substr(0, name.size() - 1), is_b, embedding};
  }
  fail("{}: the tensor \"{}\" is none of lora_A, lora_B, lora_embedding_A and lora_embedding_B", where, stored);
}

std::vector<float> values_of(const SafetensorsEntry& entry, std::span<const std::byte> file, const std::string& where) {
  const std::optional<DType> dtype = computable_dtype(entry.dtype);
  check(dtype.has_value(), "{}: the tensor \"{}\" has the dtype {}, expected F32, F16 or BF16", where, entry.name,
        entry.dtype);
  std::vector<float> out(static_cast<size_t>(elements_of(entry.shape)));
  widen(*dtype, file.subspan(entry.begin, entry.bytes), std::ssize(out), out.data());
  return out;
}

// Last parts where all modules of that name are adapted (PEFT then adapts them all), else whole names.
std::set<std::string> targets_of(const Adapter& adapter, const ModelConfig& base) {
  std::map<std::string, int> present;
  for (const AdaptableModule& module : adaptable_modules(base)) ++present[last_part(module.name)];
  for (const LoraWeights& w : adapter.weights) --present[last_part(w.module)];
  std::set<std::string> targets;
  for (const LoraWeights& w : adapter.weights) {
    const std::string last = last_part(w.module);
    targets.insert(present[last] == 0 ? last : w.module);
  }
  return targets;
}

// The value of rank_pattern or alpha_pattern for a module, as PEFT matches them: the first key that is its name or what
// it ends in behind a dot. (Keys may be regular expressions there; such a key matches nothing here and is refused.)
template <typename T>
T pattern_value(const Json& config, const char* field, const std::string& module, T otherwise) {
  const auto pattern = config.find(field);
  if (pattern == config.end() || pattern->is_null()) return otherwise;
  for (const auto& [key, value] : pattern->items())
    if (module == key || module.ends_with("." + key)) return value.template get<T>();
  return otherwise;
}

void check_pattern(const Json& config, const char* field, const std::string& where) {
  const auto pattern = config.find(field);
  if (pattern == config.end() || pattern->is_null()) return;
  check(pattern->is_object(), "{}: \"{}\" is {}, expected an object", where, field, pattern->dump());
  for (const auto& [key, value] : pattern->items()) {
    check(key.find_first_of("^$*+?()[]{}|\\") == std::string::npos,
          "{}: \"{}\" has the key \"{}\", a regular expression; only names of modules are supported", where, field,
          key);
    check(value.is_number() && value.get<double>() > 0 && value.get<double>() <= 1 << 20,
          "{}: \"{}\" of \"{}\" is {}, expected a positive number", where, field, key, value.dump());
  }
}

Json whole_if_integral(double x) { return x == std::floor(x) ? Json(static_cast<int64_t>(x)) : Json(x); }

}  // namespace

std::vector<AdaptableModule> adaptable_modules(const ModelConfig& config) {
  const bool conv1d = family_of(config.model_type, "the model").in_out;
  std::vector<AdaptableModule> modules;
  for (const ParameterSpec& spec : parameter_specs(config)) {
    const bool embedding = spec.role == Role::kEmbedding;
    if (!embedding && spec.role != Role::kLinearWeight && spec.role != Role::kHead) continue;
    // An embedding [V, D] is a linear layer from V to D; heads lie [out, in] in every family.
    const bool in_out = embedding || (conv1d && spec.role == Role::kLinearWeight);
    modules.push_back({spec, spec.module(), embedding, in_out, spec.shape[in_out ? 0 : 1], spec.shape[in_out ? 1 : 0]});
  }
  return modules;
}

void check_head_untied(const ModelConfig& config, const std::string& what) {
  check(!config.tied_embeddings,
        "{}: the head of this {} model is its embedding (\"tie_word_embeddings\"), an adapter cannot move it alone; "
        "choose other modules",
        what, config.model_type);
}

bool unties(const Adapter& adapter, const ModelConfig& base) {
  return base.tied_embeddings &&
         std::any_of(adapter.weights.begin(), adapter.weights.end(), [](const auto& w) { return w.embedding; });
}

double Adapter::scale_of(int64_t of_rank, double of_alpha) const {
  const auto r = static_cast<double>(of_rank);
  return of_alpha / (rank_stabilised ? std::sqrt(r) : r);
}

bool is_adapter(const fs::path& directory) { return fs::is_regular_file(directory / kConfigName); }

Adapter read_adapter(const fs::path& directory, const ModelConfig& base) {
  const std::string where = (directory / kConfigName).string();
  const Json config = read_json(directory / kConfigName);
  refuse_other_kinds(config, where);
  Adapter out;
  out.rank = json_int(config, "r", where);
  check(out.rank >= 1 && out.rank <= 1 << 20, "{}: \"r\" is {}, expected 1 or more", where, out.rank);
  out.alpha = json_number(config, "lora_alpha", where);
  out.dropout = json_number(config, "lora_dropout", where, 0);
  out.rank_stabilised = json_bool(config, "use_rslora", where, false);
  out.base_model = json_string(config, "base_model_name_or_path", where, "");
  for (const char* field : {"rank_pattern", "alpha_pattern"}) check_pattern(config, field, where);

  const fs::path weights = directory / kWeightsName;
  check(fs::exists(weights), "{}: no {}{}", directory.string(), kWeightsName,
        fs::exists(directory / "adapter_model.bin") ? " (adapter_model.bin is not read, save it as safetensors)" : "");
  const std::string file = weights.string();
  const MappedFile map(weights);
  const Family& family = family_of(base.model_type, where);
  struct Pair {
    std::optional<SafetensorsEntry> a, b;
    bool embedding = false;
  };
  std::map<std::string, Pair> pairs;
  for (SafetensorsEntry& entry : read_safetensors_header(map.bytes(), file).entries) {
    const std::optional<Part> part = part_of(entry.name, family, file);
    if (!part) continue;
    Pair& pair = pairs[part->module];
    auto& slot = part->is_b ? pair.b : pair.a;
    check(!slot, "{}: the tensor \"{}\" is stored twice", file, entry.name);
    slot = std::move(entry);
    pair.embedding = part->embedding;
  }

  if (const std::string head = family.head; pairs.count(head))
    check_head_untied(base, file + ": the adapter of " + head);
  for (const AdaptableModule& module : adaptable_modules(base)) {
    const auto it = pairs.find(module.name);
    if (it == pairs.end()) continue;
    const Pair& pair = it->second;
    check(pair.a && pair.b, "{}: the module {} has {} only, expected both A and B", file, module.name,
          pair.a ? "A" : "B");
    check(pair.embedding == module.embedding, "{}: the module {} has the adapter of {}", file, module.name,
          pair.embedding ? "an embedding, but is a linear layer" : "a linear layer, but is an embedding");
    const auto rank = pattern_value<int64_t>(config, "rank_pattern", module.name, out.rank);
    const auto alpha = pattern_value<double>(config, "alpha_pattern", module.name, out.alpha);
    const auto check_shape = [&](const SafetensorsEntry& entry, int64_t rows, int64_t cols) {
      check(entry.shape == std::vector<int64_t>{rows, cols},
            "{}: the tensor \"{}\" has the shape {}, expected {} by the base model and \"r\" {}", file, entry.name,
            shape_text(entry.shape), shape_text({rows, cols}), rank);
    };
    check_shape(*pair.a, rank, module.in);
    check_shape(*pair.b, module.out, rank);
    out.weights.push_back({module.name, module.embedding, module.in_out, module.in, module.out, rank,
                           out.scale_of(rank, alpha), values_of(*pair.a, map.bytes(), file),
                           values_of(*pair.b, map.bytes(), file)});
    pairs.erase(it);
  }
  check(pairs.empty(), "{}: the module {} is no linear layer or embedding of the base model ({}{})", file,
        pairs.empty() ? "" : pairs.begin()->first, base.model_type, base.tied_embeddings ? ", head tied" : "");
  check(!out.weights.empty(), "{}: holds no adapter weights", file);

  // Where the embedding is adapted and the head follows it, "ensure_weight_tying" says that the head moves too.
  check(!json_bool(config, "ensure_weight_tying", where, false) || !unties(out, base),
        "{}: \"ensure_weight_tying\" is true, an adapted embedding that the head shares is not supported", where);
  const std::set<std::string> targets = targets_of(out, base);
  out.target_modules.assign(targets.begin(), targets.end());
  return out;
}

void write_adapter(const fs::path& directory, const Adapter& adapter, const ModelConfig& base, bool overwrite) {
  for (const char* name : {kConfigName, kWeightsName})
    check(overwrite || !fs::exists(directory / name), "{} exists: nothing is overwritten", (directory / name).string());
  const Family& family = family_of(base.model_type, "the base model");
  std::map<std::string, const LoraWeights*> by_name;  // PEFT's order: by name
  for (const LoraWeights& w : adapter.weights) by_name[w.module] = &w;
  std::vector<SafetensorsEntry> entries;
  std::vector<const std::vector<float>*> data;
  for (const auto& [module, w] : by_name) {
    const std::string stem = std::string(kPrefix) + module + (w->embedding ? ".lora_embedding_" : ".lora_");
    const char* suffix = w->embedding ? "" : ".weight";
    entries.push_back({stem + "A" + suffix, "F32", {w->rank, w->in}});
    entries.push_back({stem + "B" + suffix, "F32", {w->out, w->rank}});
    data.insert(data.end(), {&w->a, &w->b});
  }
  const std::string header = safetensors_header(entries, {{"format", "pt"}});

  Json rank_pattern = Json::object(), alpha_pattern = Json::object();
  for (const LoraWeights& w : adapter.weights) {
    if (w.rank != adapter.rank) rank_pattern[w.module] = w.rank;
    const double alpha = w.scale / adapter.scale_of(w.rank, 1);
    if (std::abs(alpha - adapter.alpha) > 1e-9 * adapter.alpha) alpha_pattern[w.module] = whole_if_integral(alpha);
  }
  const Json config = {{"alpha_pattern", alpha_pattern},
                       {"auto_mapping", nullptr},
                       {"base_model_name_or_path", adapter.base_model},
                       {"bias", "none"},
                       {"fan_in_fan_out", family.in_out && !by_name.count(family.head)},  // heads lie [out, in]
                       {"inference_mode", true},
                       {"init_lora_weights", true},
                       {"layers_pattern", nullptr},
                       {"layers_to_transform", nullptr},
                       {"lora_alpha", whole_if_integral(adapter.alpha)},
                       {"lora_dropout", adapter.dropout},
                       {"modules_to_save", nullptr},
                       {"peft_type", "LORA"},
                       {"r", adapter.rank},
                       {"rank_pattern", rank_pattern},
                       {"revision", nullptr},
                       {"target_modules", targets_of(adapter, base)},
                       {"task_type", "CAUSAL_LM"},
                       {"use_dora", false},
                       {"use_rslora", adapter.rank_stabilised}};
  StagedDirectory staged(directory);
  const int file = staged.create(kWeightsName);
  staged.write(file, 0, std::as_bytes(std::span(header)));
  for (size_t i = 0; i < entries.size(); ++i) staged.write(file, entries[i].begin, std::as_bytes(std::span(*data[i])));
  staged.add(kConfigName, config.dump(2) + "\n");
  staged.commit();
}

void add_product_rows(const LoraWeights& lora, double factor, int64_t first, int64_t rows, float* w) {
  const Tensor a(const_cast<float*>(lora.a.data()), lora.rank, lora.in);
  const Tensor b(const_cast<float*>(lora.b.data()), lora.out, lora.rank);
  tensor::MatmulOptions options;
  options.accumulate = true;
  options.scale = static_cast<float>(factor);
  if (lora.in_out) {  // w^T += A^T B^T
    options.transpose_a = options.transpose_b = true;
    tensor::matmul(a.col_range(first, rows), b, Tensor(w, rows, lora.out), options);
  } else {
    tensor::matmul(b.row_range(first, rows), a, Tensor(w, rows, lora.in), options);
  }
}

void add_product(const LoraWeights& lora, double factor, float* w) {
  add_product_rows(lora, factor, 0, lora.in_out ? lora.in : lora.out, w);
}

}  // namespace lethe::model
