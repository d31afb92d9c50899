#include "lethe/train/pack.h"

#include "lethe/base/error.h"

namespace lethe::train {

model::Batch pack(std::span<const text::Example* const> examples) {
  model::Batch batch;
  for (const text::Example* example : examples) {
    const int64_t length = example->size();
    check(example->labels.size() == example->ids.size(), "an example has {} ids and {} labels", length,
          example->labels.size());
    if (length == 0) continue;
    const int64_t begin = batch.append(example->ids);
    for (int64_t i = 1; i < length; ++i) {
      const int32_t label = example->labels[static_cast<size_t>(i)];
      if (label == text::kNoTarget) continue;
      batch.target_rows.push_back(static_cast<int32_t>(begin + i - 1));
      batch.target_ids.push_back(label);
    }
  }
  return batch;
}

model::Batch pack_masked(std::span<const text::Example* const> examples, int32_t mask) {
  model::Batch batch;
  for (const text::Example* example : examples) {
    const int64_t begin = batch.append(example->ids);
    for (int64_t i = 0; i < example->size(); ++i) {
      const int32_t label = example->labels[static_cast<size_t>(i)];
      if (label == text::kNoTarget) continue;
      batch.ids[static_cast<size_t>(begin + i)] = mask;
      batch.target_rows.push_back(static_cast<int32_t>(begin + i));
      batch.target_ids.push_back(label);
    }
  }
  return batch;
}

}  // namespace lethe::train
