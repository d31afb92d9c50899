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

std::string module_of(const ParameterSpec& weight) {
  const std::string suffix = ".weight";
  return weight.name.substr(0, weight.name.size() - suffix.size());
}

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

std::vector<ParameterSpec> lora_modules(const ModelConfig& config, const std::vector<std::string>& targets) {
  std::vector<ParameterSpec> found;
  std::set<std::string> unused(targets.begin(), targets.end()), known;
  for (const ParameterSpec& spec : parameter_specs(config)) {
    if (spec.role != Role::kLinearWeight && spec.role != Role::kEmbedding) continue;
    const std::string module = module_of(spec);
    known.insert(module.substr(module.rfind('.') + 1));
    bool wanted = false;
    for (const std::string& target : targets) {
      if (target == "all-linear" ? spec.role != Role::kLinearWeight : !matches(module, target)) continue;
      wanted = true;
      unused.erase(target);
    }
    if (wanted) found.push_back(spec);
  }
  check(!targets.empty(), "LoRA needs at least one target module; this model has {}", fmt::join(known, ", "));
  if (!unused.empty())
    fail("LoRA target {} is no module of this {} model; it has {}", *unused.begin(), config.model_type,
         fmt::join(known, ", "));
  return found;
}

Lora::Lora(const ModelConfig& config, const std::vector<ParameterSpec>& bases, DType precision, bool trained,
           Adapter description)
    : in_out_(family_of(config.model_type, "the model").in_out), description_(std::move(description)) {
  std::vector<ParameterSpec> specs;
  const int64_t r = description_.rank;
  for (const ParameterSpec& base : bases) {
    const bool embedding = base.role == Role::kEmbedding;
    const int64_t in = embedding || in_out_ ? base.shape[0] : base.shape[1];
    const int64_t out = embedding || in_out_ ? base.shape[1] : base.shape[0];
    const std::string module = module_of(base);
    modules_.push_back({base, module + ".lora_A", module + ".lora_B"});
    const auto shape_a = embedding ? std::vector<int64_t>{in, r} : std::vector<int64_t>{r, in};
    specs.push_back(
        {modules_.back().a, shape_a, Role::kEmbedding, base.layer});  // a role of its own: nothing is joined to it
    specs.push_back({modules_.back().b, {out, r}, Role::kEmbedding, base.layer});
  }
  parameters_ = Parameters(specs, precision, trained);
}

Lora::Lora(const ModelConfig& config, const LoraConfig& lora, DType precision, uint64_t seed)
    : Lora(config, lora_modules(config, lora.targets), precision, true,
           Adapter{lora.rank, lora.alpha, lora.dropout, false, lora.targets, "", {}}) {
  check(lora.rank >= 1, "LoRA rank is {}, expected at least 1", lora.rank);
  uint64_t index = 0;
  for (const Module& module : modules_) {
    Random random(seed, "lora", index++);
    const auto &a = parameters_.slot(module.a), &b = parameters_.slot(module.b);
    std::vector<float> values_a(static_cast<size_t>(a.spec.size())), values_b(static_cast<size_t>(b.spec.size()));
    if (module.base.role == Role::kEmbedding) {
      for (float& x : values_b) x = static_cast<float>(random.normal());
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
          config,
          [&] {
            std::vector<ParameterSpec> bases;
            for (const ParameterSpec& spec : parameter_specs(config))
              for (const LoraWeights& w : adapter.weights)
                if (spec.name == w.module + ".weight") bases.push_back(spec);
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
    check(w.rank == adapter.rank, "the adapter of {} has rank {}, the others {}", w.module, w.rank, adapter.rank);
    parameters_.set(parameters_.slot(w.module + ".lora_A"), (w.embedding ? transposed(w.a, w.rank, w.in) : w.a).data());
    parameters_.set(parameters_.slot(w.module + ".lora_B"), w.b.data());
  }
}

Adapter Lora::adapter() const {
  Adapter result = description_;
  for (const Module& module : modules_) {
    const auto &a = parameters_.slot(module.a), &b = parameters_.slot(module.b);
    LoraWeights w;
    w.module = module_of(module.base);
    w.embedding = module.base.role == Role::kEmbedding;
    w.rank = result.rank;
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
