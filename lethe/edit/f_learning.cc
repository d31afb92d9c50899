#include "lethe/edit/f_learning.h"

#include <cmath>
#include <memory>

#include "lethe/base/error.h"
#include "lethe/edit/values.h"
#include "lethe/tensor/ops.h"

namespace lethe::edit {
namespace {

using model::Adapter;
using model::LoraWeights;
using model::ModelFiles;
using model::NewValues;
using model::Transformer;
using tensor::DType;
using tensor::Tensor;

Tensor row(float* values, int64_t n) { return Tensor(values, 1, n); }

// theta' = theta - rate * (trained - theta) in the model's masters; theta is read again from its files, tensor by
// tensor.
std::vector<MatrixNorm> subtract(Transformer& model, const ModelFiles& files, double rate) {
  std::vector<NamedNorm> norms;
  std::vector<float> theta;
  model::Parameters& parameters = model.parameters();
  for (const auto& slot : parameters.slots()) {
    const int64_t n = slot.spec.size();
    theta.resize(static_cast<size_t>(n));
    files.read(*files.find(slot.spec.name), theta.data());
    float* delta = parameters.master(slot);
    tensor::add_scaled(row(theta.data(), n), -1, row(delta, n));
    norms.push_back({slot.spec.name, std::sqrt(tensor::sum_of_squares(delta, n))});
    tensor::add_scaled(row(delta, n), static_cast<float>(-rate), row(theta.data(), n));
    parameters.set(slot, theta.data());
  }
  return matrix_norms(norms);
}

std::vector<MatrixNorm> adapter_norms(const ModelFiles& files, const Adapter& adapter) {
  std::vector<NamedNorm> norms;
  for (const auto& spec : model::parameter_specs(files.config()))
    for (const LoraWeights& lora : adapter.weights) {
      if (lora.module + ".weight" != spec.name) continue;
      std::vector<float> product(static_cast<size_t>(spec.size()));
      model::add_product(lora, lora.scale, product.data());
      norms.push_back({spec.name, std::sqrt(tensor::sum_of_squares(product.data(), spec.size()))});
    }
  return matrix_norms(norms);
}

// Both updates as one adapter of twice the rank: A = [A1; A2], B = [factor * B1, B2], alpha doubled so that the scale
// stays.
Adapter side_by_side(const Adapter& first, double factor, const Adapter& second) {
  Adapter both = second;
  both.rank = first.rank + second.rank;
  both.alpha = second.alpha / static_cast<double>(second.rank) * static_cast<double>(both.rank);
  for (size_t i = 0; i < both.weights.size(); ++i) {
    const LoraWeights &one = first.weights[i], &two = second.weights[i];
    check(one.module == two.module, "two adapters with different modules: {} and {}", one.module, two.module);
    LoraWeights& w = both.weights[i];
    w.rank = both.rank;
    w.a = one.a;
    w.a.insert(w.a.end(), two.a.begin(), two.a.end());
    w.b.clear();
    for (int64_t row = 0; row < w.out; ++row) {
      for (int64_t r = 0; r < one.rank; ++r)
        w.b.push_back(static_cast<float>(factor * static_cast<double>(one.b[static_cast<size_t>(row * one.rank + r)])));
      for (int64_t r = 0; r < two.rank; ++r) w.b.push_back(two.b[static_cast<size_t>(row * two.rank + r)]);
    }
  }
  return both;
}

}  // namespace

const std::vector<Method>& methods() {
  static const std::vector<Method> table = {
      {"f-ft", Tuning::kFull, Tuning::kFull, "forget and learn by full fine-tuning"},
      {"f-lora", Tuning::kLora, Tuning::kLora, "forget and learn by LoRA"},
      {"f-lora-ft", Tuning::kLora, Tuning::kFull, "forget by LoRA, learn by full fine-tuning"},
      {"ft", Tuning::kNone, Tuning::kFull, "learn only, by full fine-tuning"},
      {"lora", Tuning::kNone, Tuning::kLora, "learn only, by LoRA"},
  };
  return table;
}

const Method& method_named(const std::string& name) {
  for (const Method& method : methods())
    if (method.name == name) return method;
  fail_usage("unknown method {}", name);
}

void check_lora(const ModelFiles& files, const model::LoraConfig& config) {
  for (const auto& module : model::lora_modules(files.config(), config.targets))
    check(!files.config().tied_embeddings || !module.embedding,
          "LoRA target {}: this model's output layer shares that matrix, and an adapter on it cannot be merged without "
          "changing both; choose other targets",
          module.name);
}

Edit f_learning(const ModelFiles& files, DType precision, const std::vector<text::Example>& old_facts,
                const std::vector<text::Example>& new_facts, const FLearningConfig& config, train::Session& session,
                const AfterForgetting& after_forgetting) {
  const Method& method = method_named(config.method);
  if (method.has_lora()) check_lora(files, config.lora);
  const bool learning_resumed = session.resumes(config.learn.name);
  Edit edit;
  std::shared_ptr<Transformer> model;
  std::optional<Adapter> forgotten;  // the forgetting adapter

  if (method.forget == Tuning::kFull) {
    model = std::make_shared<Transformer>(Transformer::load(files, precision, true));
    if (!learning_resumed) {
      edit.forget = train::train(*model, old_facts, config.training, config.forget, session);
      edit.delta = subtract(*model, files, config.rate);
      if (after_forgetting) after_forgetting(*model, edit);
    }
  } else if (method.forget == Tuning::kLora) {
    const fs::path kept = session.folder ? session.folder->file(kForgetAdapter) : fs::path();
    if (learning_resumed) {
      forgotten = model::read_adapter(kept, files.config());
    } else {
      Transformer tuned = Transformer::load(files, precision, false);
      tuned.attach(model::Lora(files.config(), config.lora, precision, session.seed));
      edit.forget = train::train(tuned, old_facts, config.training, config.forget, session);
      forgotten = tuned.lora()->adapter();
      if (session.folder) model::write_adapter(kept, *forgotten, files.config(), true);
      edit.delta = adapter_norms(files, *forgotten);
    }
  }

  std::vector<ScaledAdapter> moves;
  if (forgotten) moves.push_back({*forgotten, -config.rate});
  if (!model) {
    const NewValues start = moves.empty() ? NewValues() : with_adapters(files, moves);
    model = std::make_shared<Transformer>(Transformer::load(files, precision, method.learn == Tuning::kFull, start));
    if (forgotten && !learning_resumed && after_forgetting) after_forgetting(*model, edit);
  }
  if (method.learn == Tuning::kLora)
    model->attach(model::Lora(files.config(), config.lora, precision, session.seed + (method.forgets() ? 1 : 0)));
  edit.learn = train::train(*model, new_facts, config.training, config.learn, session);

  if (method.learn == Tuning::kFull) {
    edit.values = values_of(model);
    return edit;
  }
  const Adapter learned = model->lora()->adapter();
  moves.push_back({learned, 1.0});
  edit.values = with_adapters(files, moves);
  if (method.only_lora()) edit.adapter = forgotten ? side_by_side(*forgotten, -config.rate, learned) : learned;
  return edit;
}

}  // namespace lethe::edit
