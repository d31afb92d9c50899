// What the command line knows of a run, for its folder and its page.
#pragma once
#include <cstdint>
#include <string>

#include "lethe/base/json.h"
#include "lethe/tensor/tensor.h"

namespace lethe::study {

struct RunInfo {
  tensor::DType precision = tensor::DType::kF32;
  uint64_t seed = 0;
  std::string version = {}, command = {};  // "build/lethe update ...", as it was typed
  std::string config_toml = {};            // every setting as it was resolved
  OrderedJson settings = {};               // the same
};

}  // namespace lethe::study
