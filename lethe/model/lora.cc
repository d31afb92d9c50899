#include "lethe/model/lora.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "lethe/base/error.h"
#include "lethe/base/random.h"

namespace lethe::model {
namespace {

using Role = ParameterSpec::Role;

bool matches(const std::string& module, const std::string& target) {
  return module == target || (module.size() > target.size() && module.ends_with(target) &&
                              module[module.size() - target.size() - 1] == '.');
}

std::vector<float> transposed(const std::vector<float>& x, int64_t rows, int64_t cols) {
  std::vector<float> y(x.size());
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j) y[static_cast<size_t>(j * rows + i)] = x[static_cast<size_t>(i * cols + j)];
  return y;
}

}  // namespace

std::vector<AdaptableModule> lora_modules(const ModelConfig& config, const std::vector<std::string>& targets) {
  const Family& family = family_of(config.model_type, "the model");
  const std::vector<std::string>& wanted = targets.empty() ? family.lora_targets : targets;
  std::vector<AdaptableModule> found;
  std::set<std::string> unused(wanted.begin(), wanted.end()), known;
  for (AdaptableModule& module : adaptable_modules(config)) {
    known.insert(last_part(module.name));
    bool named = false;
    for (const std::string& target : wanted) {
      if (target == "all-linear" ? module.weight.role != Role::kLinearWeight : !matches(module.name, target)) continue;
      named = true;
      unused.erase(target);
    }
    if (named) found.push_back(std::move(module));
  }
  for (const std::string& target : unused) {
    if (matches(family.head, target)) check_head_untied(config, "LoRA target " + target);
    fail("LoRA target {} is no module of this {} model; it has {}", target, config.model_type, fmt::join(known, ", "));
  }
  return found;
}

Lora::Lora(const std::vector<Base>& bases, DType precision, bool trained, Adapter description)
    : description_(std::move(description)) {
  std::vector<ParameterSpec> specs;
  for (const auto& [base, r, scale] : bases) {
    modules_.push_back({base.weight, r, scale, base.in_out, base.name + ".lora_A", base.name + ".lora_B"});
    const auto shape_a = base.embedding ? std::vector<int64_t>{base.in, r} : std::vector<int64_t>{r, base.in};
    specs.push_back({modules_.back().a, shape_a, Role::kEmbedding, base.weight.layer});  // a role of its own: nothing
    specs.push_back({modules_.back().b, {base.out, r}, Role::kEmbedding, base.weight.layer});  // is joined to it
  }
  parameters_ = Parameters(specs, precision, trained);
}

Lora::Lora(const ModelConfig& config, const LoraConfig& lora, DType precision, uint64_t seed)
    : Lora(
          [&] {
            std::vector<Base> bases;
            const double scale = lora.alpha / static_cast<double>(lora.rank);
            bool embeds = false;
            for (const AdaptableModule& module : lora_modules(config, lora.targets)) {
              embeds |= module.embedding;
              const bool own = module.embedding && lora.embedding_rank > 0;
              bases.push_back({module, own ? lora.embedding_rank : lora.rank, scale});
            }
            if (lora.embedding_rank > 0 && !embeds)
              for (const AdaptableModule& module : adaptable_modules(config))
                if (module.embedding) bases.insert(bases.begin(), {module, lora.embedding_rank, scale});
            return bases;
          }(),
          precision, true, Adapter{lora.rank, lora.alpha, lora.dropout, false, lora.targets, "", {}}) {
  check(lora.rank >= 1, "LoRA rank is {}, expected at least 1", lora.rank);
  uint64_t index = 0;
  for (const Module& module : modules_) {
    Random random(seed, "lora", index++);
    const auto &a = parameters_.slot(module.a), &b = parameters_.slot(module.b);
    std::vector<float> values_a(static_cast<size_t>(a.spec.size())), values_b(static_cast<size_t>(b.spec.size()));
    if (module.base.role == Role::kEmbedding) {
      const double deviation = lora.embedding_rank > 0 ? 1 / std::sqrt(static_cast<double>(module.rank)) : 1;
      for (float& x : values_b) x = static_cast<float>(deviation * random.normal());
    } else {
      const double bound = 1 / std::sqrt(static_cast<double>(a.spec.shape[1]));
      for (float& x : values_a) x = static_cast<float>((2 * random.uniform() - 1) * bound);
    }
    parameters_.set(a, values_a.data());
    parameters_.set(b, values_b.data());
  }
}

Lora::Lora(const ModelConfig& config, const Adapter& adapter, DType precision, bool trained)
    : Lora(
          [&] {
            std::vector<Base> bases;
            for (const AdaptableModule& module : adaptable_modules(config))
              for (const LoraWeights& w : adapter.weights)
                if (module.name == w.module) bases.push_back({module, w.rank, w.scale});
            return bases;
          }(),
          precision, trained,
          Adapter{adapter.rank,
                  adapter.alpha,
                  adapter.dropout,
                  adapter.rank_stabilised,
                  adapter.target_modules,
                  adapter.base_model,
                  {}}) {
  for (const LoraWeights& w : adapter.weights) {
    parameters_.set(parameters_.slot(w.module + ".lora_A"), (w.embedding ? transposed(w.a, w.rank, w.in) : w.a).data());
    parameters_.set(parameters_.slot(w.module + ".lora_B"), w.b.data());
  }
}

int64_t Lora::most_rank() const {
  int64_t most = 0;
  for (const Module& module : modules_) most = std::max(most, module.rank);
  return most;
}

Adapter Lora::adapter() const {
  Adapter result = description_;
  for (const Module& module : modules_) {
    const auto &a = parameters_.slot(module.a), &b = parameters_.slot(module.b);
    LoraWeights w;
    w.module = module.base.module();
    w.embedding = module.base.role == Role::kEmbedding;
    w.in_out = module.in_out;
    w.rank = module.rank;
    w.scale = module.scale;
    w.in = a.spec.size() / w.rank;
    w.out = b.spec.size() / w.rank;
    w.a.resize(static_cast<size_t>(a.spec.size()));
    w.b.resize(static_cast<size_t>(b.spec.size()));
    parameters_.get(a, w.a.data());
    parameters_.get(b, w.b.data());
    if (w.embedding) w.a = transposed(w.a, w.in, w.rank);
    result.weights.push_back(std::move(w));
  }
  return result;
}

}  // namespace lethe::model
