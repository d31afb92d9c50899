// The optimiser's state and step over the flat runs of Parameters; the schedule of its learning rate.
#pragma once
#include <cstdint>
#include <vector>

#include "lethe/model/parameters.h"
#include "lethe/train/config.h"

namespace lethe::train {

class Optimizer {
 public:
  Optimizer(model::Parameters& parameters, const TrainingConfig& config);

  // The L2 norm of the whole gradient (tied weights are one parameter).
  double gradient_norm() const;
  double weight_norm() const;  // the same of the weights
  // One step with the gradients as they are, scaled by min(1, max_grad_norm / (norm + 1e-6)) where clipping is on, as
  // torch.nn.utils.clip_grad_norm_ does. `step` counts from 1.
  void step(int64_t step, double learning_rate, double norm);

  // The state, flat: what a checkpoint keeps beside the parameters. Empty for SGD.
  struct Moments {
    tensor::Buffer m, v;
    int64_t size = 0;
  };
  Moments& matrices() { return matrices_; }
  Moments& vectors() { return vectors_; }

 private:
  double norm_of(float* (model::Parameters::Run::*part)() const) const;
  void step_run(model::Parameters::Run& run, Moments& moments, double weight_decay, int64_t step, double rate,
                float scale);

  model::Parameters& parameters_;
  TrainingConfig config_;
  Moments matrices_, vectors_;
};

// The learning rate of step `step` (from 1) of `total`, as transformers' schedules give it: the first step of a warm-up
// of w steps has 0, of a decay the full rate.
double scheduled_learning_rate(const TrainingConfig& config, double peak, int64_t step, int64_t total);

}  // namespace lethe::train
