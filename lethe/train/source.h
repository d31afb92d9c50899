// What a stage trains on: the micro-batches of each step, a function of the step alone, so that a resumed run goes on
// to the same bits. ExampleSource: examples in a new order every epoch.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "lethe/model/batch.h"
#include "lethe/text/example.h"
#include "lethe/train/config.h"

namespace lethe::train {

class Source {
 public:
  virtual ~Source() = default;
  virtual int64_t steps_per_epoch() const = 0;
  // Of step `step`, counted from 0. Called by one thread at a time, ahead of the step.
  virtual std::vector<model::Batch> batches(int64_t step) = 0;
};

class ExampleSource : public Source {
 public:
  // `examples` must outlive it; `name` and `seed` name the stream of random numbers that orders are drawn from.
  ExampleSource(const std::vector<text::Example>& examples, const TrainingConfig& config, uint64_t seed,
                const std::string& name);
  // For a model that is not causal: the targets are hidden, and recovered where they stand.
  void mask_targets(int32_t mask) { mask_ = mask; }
  int64_t steps_per_epoch() const override;
  std::vector<model::Batch> batches(int64_t step) override;

 private:
  const std::vector<text::Example>& examples_;
  int64_t micro_batch_, per_step_;
  bool shuffle_;
  uint64_t seed_;
  std::string stream_;
  std::vector<int32_t> order_;
  int64_t ordered_epoch_ = -1;
  int32_t mask_ = -1;
};

}  // namespace lethe::train
