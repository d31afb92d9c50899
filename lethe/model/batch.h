// Packed tokens: examples end to end, attention inside each, so that nothing is computed for padding.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "lethe/tensor/ops.h"

namespace lethe::model {

struct Batch {
  std::vector<int32_t> ids;          // T
  std::vector<int32_t> positions;    // T, from 0 in each example
  std::vector<tensor::Span> spans;   // the examples; answers that share a prompt are spans with a prefix
  std::vector<int32_t> target_rows;  // N rows (for training each at most once) whose output predicts ...
  std::vector<int32_t> target_ids;   // ... these ids

  // Another example behind the others, without targets; returns its first row.
  int64_t append(std::span<const int32_t> example) {
    const int64_t begin = tokens();
    spans.push_back({begin, std::ssize(example), 0, 0});
    ids.insert(ids.end(), example.begin(), example.end());
    for (int64_t i = 0; i < std::ssize(example); ++i) positions.push_back(static_cast<int32_t>(i));
    return begin;
  }

  int64_t tokens() const { return static_cast<int64_t>(ids.size()); }
  int64_t targets() const { return static_cast<int64_t>(target_ids.size()); }
};

// What a forward pass says of each target of a batch, in order.
struct TargetScores {
  std::vector<float> nll;       // -log p(target), natural
  std::vector<int32_t> argmax;  // the most probable id
};

}  // namespace lethe::model
