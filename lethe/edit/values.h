// Where the values of a written model come from: the masters of a trained one, or a model's files with adapters merged
// into them.
#pragma once
#include <memory>
#include <vector>

#include "lethe/model/adapter.h"
#include "lethe/model/model_files.h"
#include "lethe/model/transformer.h"

namespace lethe::edit {

// The parameters of `model` as they are now; keeps it alive.
model::NewValues values_of(std::shared_ptr<model::Transformer> model);

// W + factor * scale * B A for each adapter's targets, in fp32 on the files' values. `files` must outlive the result.
struct ScaledAdapter {
  model::Adapter adapter;
  double factor = 1;
};
model::NewValues with_adapters(const model::ModelFiles& files, std::vector<ScaledAdapter> adapters);

}  // namespace lethe::edit
