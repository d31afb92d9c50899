// A checkpoint: all that a stage of training needs to go on to the same bits, in one safetensors file written beside
// and renamed.
//   matrices, vectors                     the trained parameters, fp32, flat
//   {matrices,vectors}.{m,v}              the optimiser's state (AdamW)
//   __metadata__                          CheckpointState, as text
// What is random is a function of (seed, stage, epoch or step), so no generator state is kept.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "lethe/base/file.h"
#include "lethe/train/optimizer.h"

namespace lethe::train {

inline constexpr const char* kCheckpointFile = "checkpoint.safetensors";

struct CheckpointState {
  std::string stage;
  int64_t step = 0;           // optimiser steps done in this stage
  int64_t wrong_targets = 0;  // of the epoch so far: targets that were not the argmax
  int64_t metrics_lines = 0;  // in metrics.jsonl
  double loss = 0;            // of the last step
  int64_t tokens = 0;         // trained on in this stage, ...
  double seconds = 0;         // ... and the time that took, in all processes
};

void write_checkpoint(const fs::path& path, const CheckpointState& state, model::Parameters& parameters,
                      Optimizer& optimizer);
std::optional<CheckpointState> read_checkpoint_state(const fs::path& path);  // none: there is no file
void read_checkpoint(const fs::path& path, model::Parameters& parameters, Optimizer& optimizer);

}  // namespace lethe::train
