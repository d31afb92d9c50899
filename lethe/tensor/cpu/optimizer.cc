// The steps of the optimisers: one pass over parameters, gradients and moments.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lethe/tensor/cpu/optimizer.cc"
#include <cmath>

#include "lethe/tensor/cpu/simd.h"
#include "lethe/tensor/ops.h"

#ifndef LETHE_TENSOR_CPU_OPTIMIZER_CC
#define LETHE_TENSOR_CPU_OPTIMIZER_CC
namespace lethe::tensor {
namespace {
struct AdamWFactors {
  float gradient_scale, keep;         // keep: of p, 1 - lr * weight decay
  float take1, beta2, take2;          // take: 1 - beta
  float rate, inverse_root, epsilon;  // rate: lr / (1 - beta1^t); inverse_root: 1 / sqrt(1 - beta2^t)
};
}  // namespace
}  // namespace lethe::tensor
#endif

HWY_BEFORE_NAMESPACE();
namespace lethe::tensor::HWY_NAMESPACE {
namespace {

void adamw_stretch(const AdamWFactors& f, float* p, const float* g, float* m, float* v, BF16* copy, int64_t n) {
  for_vectors(n, [&](int64_t i, auto part) HWY_ATTR {
    const Floats gradient = hn::Mul(load(g + i, part), set(f.gradient_scale));
    const Floats old_m = load(m + i, part);
    const Floats new_m = hn::MulAdd(hn::Sub(gradient, old_m), set(f.take1), old_m);
    const Floats new_v =
        hn::MulAdd(hn::Mul(gradient, gradient), set(f.take2), hn::Mul(load(v + i, part), set(f.beta2)));
    const Floats root = hn::MulAdd(hn::Sqrt(new_v), set(f.inverse_root), set(f.epsilon));
    const Floats kept = hn::Mul(load(p + i, part), set(f.keep));
    const Floats new_p = hn::NegMulAdd(hn::Div(new_m, root), set(f.rate), kept);
    store(new_m, m + i, part);
    store(new_v, v + i, part);
    store(new_p, p + i, part);
    if (copy != nullptr) store(new_p, copy + i, part);
  });
}

void sgd_stretch(float rate, float weight_decay, float gradient_scale, float* p, const float* g, BF16* copy,
                 int64_t n) {
  for_vectors(n, [&](int64_t i, auto part) HWY_ATTR {
    const Floats old_p = load(p + i, part);
    const Floats gradient = hn::MulAdd(old_p, set(weight_decay), hn::Mul(load(g + i, part), set(gradient_scale)));
    const Floats new_p = hn::NegMulAdd(gradient, set(rate), old_p);
    store(new_p, p + i, part);
    if (copy != nullptr) store(new_p, copy + i, part);
  });
}

}  // namespace
}  // namespace lethe::tensor::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lethe::tensor {

HWY_EXPORT(adamw_stretch);
HWY_EXPORT(sgd_stretch);

void adamw_step(const AdamW& options, float* p, const float* g, float* m, float* v, uint16_t* copy, int64_t n) {
  check(options.step >= 1, "adamw_step: the step is {}, expected from 1", options.step);
  const auto step = static_cast<double>(options.step);
  const double lr = options.learning_rate, beta1 = options.beta1, beta2 = options.beta2;
  AdamWFactors f;
  f.gradient_scale = options.gradient_scale;
  f.keep = static_cast<float>(1 - lr * options.weight_decay);
  f.take1 = static_cast<float>(1 - beta1);
  f.beta2 = options.beta2;
  f.take2 = static_cast<float>(1 - beta2);
  f.rate = static_cast<float>(lr / (1 - std::pow(beta1, step)));
  f.inverse_root = static_cast<float>(1 / std::sqrt(1 - std::pow(beta2, step)));
  f.epsilon = options.epsilon;
  for_stretches({Tensor(p, 1, n)}, [&](int64_t, int64_t i, int64_t count) {
    BF16* c = copy != nullptr ? reinterpret_cast<BF16*>(copy) + i : nullptr;
    HWY_DYNAMIC_DISPATCH(adamw_stretch)(f, p + i, g + i, m + i, v + i, c, count);
  });
}

void sgd_step(float learning_rate, float weight_decay, float gradient_scale, float* p, const float* g, uint16_t* copy,
              int64_t n) {
  for_stretches({Tensor(p, 1, n)}, [&](int64_t, int64_t i, int64_t count) {
    BF16* c = copy != nullptr ? reinterpret_cast<BF16*>(copy) + i : nullptr;
    HWY_DYNAMIC_DISPATCH(sgd_stretch)(learning_rate, weight_decay, gradient_scale, p + i, g + i, c, count);
  });
}

}  // namespace lethe::tensor
#endif  // HWY_ONCE
