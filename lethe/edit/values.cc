#include "lethe/edit/values.h"

namespace lethe::edit {

using model::NewValues;
using model::StoredTensor;

NewValues values_of(std::shared_ptr<model::Transformer> model) {
  return [model](const StoredTensor& tensor, float* out) {
    if (!model->parameters().has(tensor.name)) return false;
    model->parameters().get(model->parameters().slot(tensor.name), out);
    return true;
  };
}

NewValues with_adapters(const model::ModelFiles& files, std::vector<ScaledAdapter> adapters) {
  return [&files, adapters = std::move(adapters)](const StoredTensor& tensor, float* out) {
    bool changed = false;
    for (const auto& [adapter, factor] : adapters)
      for (const model::LoraWeights& lora : adapter.weights) {
        if (lora.module + ".weight" != tensor.name) continue;
        if (!changed) files.read(tensor, out);
        changed = true;
        model::add_product(lora, factor * lora.scale, out);
      }
    return changed;
  };
}

}  // namespace lethe::edit
