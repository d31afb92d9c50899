#include "lethe/train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "lethe/tensor/ops.h"

namespace lethe::train {

Optimizer::Optimizer(model::Parameters& parameters, const TrainingConfig& config)
    : parameters_(parameters), config_(config) {
  if (config.optim != "adamw") return;
  const auto make = [](Moments& moments, int64_t size) {
    moments.size = size;
    moments.m = tensor::Buffer(static_cast<size_t>(size) * 4);
    moments.v = tensor::Buffer(static_cast<size_t>(size) * 4);
  };
  make(matrices_, parameters.matrices().size);
  make(vectors_, parameters.vectors().size);
}

double Optimizer::norm_of(float* (model::Parameters::Run::*part)() const) const {
  double sum = 0;
  for (model::Parameters::Run* run : {&parameters_.matrices(), &parameters_.vectors()})
    sum += tensor::sum_of_squares((run->*part)(), run->size);
  return std::sqrt(sum);
}

double Optimizer::gradient_norm() const { return norm_of(&model::Parameters::Run::gradients); }
double Optimizer::weight_norm() const { return norm_of(&model::Parameters::Run::values); }

void Optimizer::step_run(model::Parameters::Run& run, Moments& moments, double weight_decay, int64_t step, double rate,
                         float scale) {
  const auto lr = static_cast<float>(rate), decay = static_cast<float>(weight_decay);
  if (config_.optim == "sgd") {
    tensor::sgd_step(lr, decay, scale, run.values(), run.gradients(), run.copies(), run.size);
    return;
  }
  const tensor::AdamW options{lr,
                              static_cast<float>(config_.adam_beta1),
                              static_cast<float>(config_.adam_beta2),
                              static_cast<float>(config_.adam_epsilon),
                              decay,
                              step,
                              scale};
  tensor::adamw_step(options, run.values(), run.gradients(), reinterpret_cast<float*>(moments.m.data()),
                     reinterpret_cast<float*>(moments.v.data()), run.copies(), run.size);
}

void Optimizer::step(int64_t step, double learning_rate, double norm) {
  float scale = 1;
  if (config_.max_grad_norm > 0) scale = static_cast<float>(std::min(1.0, config_.max_grad_norm / (norm + 1e-6)));
  step_run(parameters_.matrices(), matrices_, config_.weight_decay, step, learning_rate, scale);
  step_run(parameters_.vectors(), vectors_, 0, step, learning_rate, scale);
}

double scheduled_learning_rate(const TrainingConfig& config, double peak, int64_t step, int64_t total) {
  const int64_t done = step - 1;
  const int64_t warmup = config.warmup_steps > 0
                             ? config.warmup_steps
                             : static_cast<int64_t>(std::ceil(config.warmup_ratio * static_cast<double>(total)));
  if (done < warmup) return peak * static_cast<double>(done) / static_cast<double>(std::max<int64_t>(warmup, 1));
  const double share = static_cast<double>(done - warmup) / static_cast<double>(std::max<int64_t>(total - warmup, 1));
  if (config.lr_scheduler_type == "constant") return peak;
  const double left = config.lr_scheduler_type == "linear" ? 1 - share : 0.5 * (1 + std::cos(std::numbers::pi * share));
  return peak * (config.min_lr_rate + (1 - config.min_lr_rate) * std::max(0.0, left));
}

}  // namespace lethe::train
