// What the tests of this module share: a tiny model, and one tensor of a model as values.
#pragma once
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "lethe/model/model_files.h"

namespace lethe::edit {

inline const fs::path kModels = fs::path(__FILE__).parent_path().parent_path().parent_path() / "tests/golden/models";

inline std::vector<float> values(const model::ModelFiles& model, const std::string& name) {
  const model::StoredTensor* tensor = model.find(name);
  REQUIRE(tensor != nullptr);
  std::vector<float> out(static_cast<size_t>(tensor->size()));
  model.read(*tensor, out.data());
  return out;
}

// The new values of one tensor; empty: unchanged.
inline std::vector<float> values(const model::ModelFiles& model, const model::NewValues& source,
                                 const std::string& name) {
  const model::StoredTensor* tensor = model.find(name);
  REQUIRE(tensor != nullptr);
  std::vector<float> out(static_cast<size_t>(tensor->size()));
  if (!source(*tensor, out.data())) out.clear();
  return out;
}

}  // namespace lethe::edit
