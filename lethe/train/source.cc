#include "lethe/train/source.h"

#include <algorithm>
#include <numeric>

#include "lethe/base/error.h"
#include "lethe/base/random.h"
#include "lethe/train/pack.h"

namespace lethe::train {

ExampleSource::ExampleSource(const std::vector<text::Example>& examples, const TrainingConfig& config, uint64_t seed,
                             const std::string& name)
    : examples_(examples),
      micro_batch_(config.per_device_train_batch_size),
      per_step_(config.per_device_train_batch_size * config.gradient_accumulation_steps),
      shuffle_(config.shuffle),
      seed_(seed),
      stream_("shuffle/" + name) {
  check(!examples.empty(), "{}: there are no examples to train on", name);
}

int64_t ExampleSource::steps_per_epoch() const { return (std::ssize(examples_) + per_step_ - 1) / per_step_; }

std::vector<model::Batch> ExampleSource::batches(int64_t step) {
  const int64_t epoch = step / steps_per_epoch(), in_epoch = step % steps_per_epoch();
  if (epoch != ordered_epoch_) {
    order_.resize(examples_.size());
    std::iota(order_.begin(), order_.end(), 0);
    if (shuffle_) Random(seed_, stream_, static_cast<uint64_t>(epoch)).shuffle(order_);
    ordered_epoch_ = epoch;
  }
  std::vector<model::Batch> batches;
  const int64_t end = std::min(std::ssize(examples_), (in_epoch + 1) * per_step_);
  for (int64_t at = in_epoch * per_step_; at < end; at += micro_batch_) {
    std::vector<const text::Example*> chosen;
    for (int64_t i = at; i < std::min(end, at + micro_batch_); ++i)
      chosen.push_back(&examples_[static_cast<size_t>(order_[static_cast<size_t>(i)])]);
    batches.push_back(mask_ < 0 ? pack(chosen) : pack_masked(chosen, mask_));
  }
  return batches;
}

}  // namespace lethe::train
