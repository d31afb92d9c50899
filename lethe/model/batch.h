// Packed tokens: examples end to end, attention inside each, so that nothing is computed for padding.
#pragma once
#include <cstdint>
#include <vector>

#include "lethe/tensor/ops.h"

namespace lethe::model {

struct Batch {
  std::vector<int32_t> ids;          // T
  std::vector<int32_t> positions;    // T, from 0 in each example
  std::vector<tensor::Span> spans;   // the examples; answers that share a prompt are spans with a prefix
  std::vector<int32_t> target_rows;  // N rows (for training each at most once) whose output predicts ...
  std::vector<int32_t> target_ids;   // ... these ids

  int64_t tokens() const { return static_cast<int64_t>(ids.size()); }
  int64_t targets() const { return static_cast<int64_t>(target_ids.size()); }
};

// What a forward pass says of each target of a batch, in order.
struct TargetScores {
  std::vector<float> nll;       // -log p(target), natural
  std::vector<int32_t> argmax;  // the most probable id
};

}  // namespace lethe::model
