#include "lethe/train/pack.h"

#include "lethe/base/error.h"

namespace lethe::train {

model::Batch pack(std::span<const text::Example* const> examples) {
  model::Batch batch;
  for (const text::Example* example : examples) {
    const int64_t begin = batch.tokens(), length = static_cast<int64_t>(example->ids.size());
    check(example->labels.size() == example->ids.size(), "an example has {} ids and {} labels", length,
          example->labels.size());
    if (length == 0) continue;
    batch.spans.push_back({begin, length, 0, 0});
    batch.ids.insert(batch.ids.end(), example->ids.begin(), example->ids.end());
    for (int64_t i = 0; i < length; ++i) {
      batch.positions.push_back(static_cast<int32_t>(i));
      const int32_t label = example->labels[static_cast<size_t>(i)];
      if (i == 0 || label == text::kNoTarget) continue;
      batch.target_rows.push_back(static_cast<int32_t>(begin + i - 1));
      batch.target_ids.push_back(label);
    }
  }
  return batch;
}

model::Batch pack_masked(std::span<const text::Example* const> examples, int32_t mask) {
  model::Batch batch;
  for (const text::Example* example : examples) {
    const int64_t begin = batch.tokens(), length = example->size();
    batch.spans.push_back({begin, length, 0, 0});
    for (int64_t i = 0; i < length; ++i) {
      const int32_t label = example->labels[static_cast<size_t>(i)];
      const bool target = label != text::kNoTarget;
      batch.ids.push_back(target ? mask : example->ids[static_cast<size_t>(i)]);
      batch.positions.push_back(static_cast<int32_t>(i));
      if (!target) continue;
      batch.target_rows.push_back(static_cast<int32_t>(begin + i));
      batch.target_ids.push_back(label);
    }
  }
  return batch;
}

}  // namespace lethe::train
