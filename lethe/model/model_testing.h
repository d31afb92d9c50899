// What tests of models share: where the golden models are, and the values of a stored tensor.
#pragma once
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "lethe/base/file.h"
#include "lethe/model/model_files.h"

namespace lethe::model::testing {

inline const fs::path kGolden = "tests/golden", kModels = kGolden / "models";  // tests run in the root of the checkout

inline std::vector<float> tensor_values(const ModelFiles& model, const std::string& name) {
  const StoredTensor* tensor = model.find(name);
  REQUIRE(tensor != nullptr);
  std::vector<float> out(static_cast<size_t>(tensor->size()));
  model.read(*tensor, out.data());
  return out;
}

}  // namespace lethe::model::testing
