// RMSNorm and LayerNorm, forward and backward: one kernel each, RMSNorm being LayerNorm with mean 0 and no bias.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lethe/tensor/cpu/norm.cc"
#include "lethe/tensor/cpu/simd.h"
#include "lethe/tensor/ops.h"

#ifndef LETHE_TENSOR_CPU_NORM_CC
#define LETHE_TENSOR_CPU_NORM_CC
namespace lethe::tensor {
namespace {
struct NormForward {
  bool center;  // LayerNorm
  const Tensor &x_TD, &y_TD;
  const float *w_D, *b_D;  // b may be null
  float *mean_T, *rstd_T;  // may be null
  float eps;
};
struct NormBackward {
  bool center;
  const Tensor &dy_TD, &x_TD, &dx_TD;
  const float *w_D, *mean_T, *rstd_T;  // mean null: 0
};
}  // namespace
}  // namespace lethe::tensor
#endif

HWY_BEFORE_NAMESPACE();
namespace lethe::tensor::HWY_NAMESPACE {
namespace {

template <class Y>
void forward_row(const NormForward& a, int64_t t, Y* y) {
  const int64_t d = a.x_TD.cols;
  const float* x = a.x_TD.f32() + t * a.x_TD.stride;
  const float mean =
      a.center ? sum_vectors(d, [&](int64_t i, auto part) HWY_ATTR { return load(x + i, part); }) / d : 0;
  const Floats m = set(mean);
  const float variance = sum_vectors(d,
                                     [&](int64_t i, auto part) HWY_ATTR {
                                       const Floats c = hn::Sub(load(x + i, part), m);
                                       return hn::Mul(c, c);
                                     }) /
                         d;
  const float rstd = 1 / __builtin_sqrtf(variance + a.eps);
  if (a.mean_T != nullptr) a.mean_T[t] = mean;
  if (a.rstd_T != nullptr) a.rstd_T[t] = rstd;
  const Floats r = set(rstd);
  const float *w = a.w_D, *b = a.b_D;
  for_vectors(d, [&](int64_t i, auto part) HWY_ATTR {
    const Floats xhat = hn::Mul(hn::Sub(load(x + i, part), m), r);
    const Floats bias = b != nullptr ? load(b + i, part) : zero();
    store(hn::MulAdd(xhat, load(w + i, part), bias), y + i, part);
  });
}

void norm_forward_rows(const NormForward& a, int64_t begin, int64_t end) {
  for (int64_t t = begin; t < end; ++t) {
    void* y = a.y_TD.at(t, 0);
    if (a.y_TD.dtype == DType::kF32) {
      forward_row(a, t, static_cast<float*>(y));
    } else {
      forward_row(a, t, static_cast<BF16*>(y));
    }
  }
}

// xhat = (x - mean) * rstd, g = dy * w:  dx += rstd * (g - mean(g) - xhat * mean(g * xhat)),  dw += dy * xhat,  db +=
// dy. RMSNorm has no mean(g). sums: [dw, db] or null.
void norm_backward_rows(const NormBackward& a, float* sums, int64_t begin, int64_t end) {
  const int64_t d = a.x_TD.cols;
  const float* w = a.w_D;
  for (int64_t t = begin; t < end; ++t) {
    const float* dy = a.dy_TD.f32() + t * a.dy_TD.stride;
    const float* x = a.x_TD.f32() + t * a.x_TD.stride;
    float* dx = a.dx_TD.f32() + t * a.dx_TD.stride;
    const Floats m = set(a.center ? a.mean_T[t] : 0);
    const Floats r = set(a.rstd_T[t]);
    const float mean_g = a.center
                             ? sum_vectors(d, [&](int64_t i, auto part)
                                                  HWY_ATTR { return hn::Mul(load(dy + i, part), load(w + i, part)); }) /
                                   d
                             : 0;
    const float mean_gx = sum_vectors(d,
                                      [&](int64_t i, auto part) HWY_ATTR {
                                        const Floats xhat = hn::Mul(hn::Sub(load(x + i, part), m), r);
                                        return hn::Mul(hn::Mul(load(dy + i, part), load(w + i, part)), xhat);
                                      }) /
                          d;
    const Floats mg = set(mean_g), mgx = set(mean_gx);
    for_vectors(d, [&](int64_t i, auto part) HWY_ATTR {
      const Floats xhat = hn::Mul(hn::Sub(load(x + i, part), m), r);
      const Floats dyi = load(dy + i, part);
      const Floats g = hn::MulSub(dyi, load(w + i, part), mg);
      store(hn::MulAdd(r, hn::NegMulAdd(xhat, mgx, g), load(dx + i, part)), dx + i, part);
      if (sums == nullptr) return;
      store(hn::MulAdd(dyi, xhat, load(sums + i, part)), sums + i, part);
      if (a.center) store(hn::Add(dyi, load(sums + d + i, part)), sums + d + i, part);
    });
  }
}

}  // namespace
}  // namespace lethe::tensor::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lethe::tensor {
namespace {

HWY_EXPORT(norm_forward_rows);
HWY_EXPORT(norm_backward_rows);

void norm_forward(const char* name, const NormForward& a) {
  check_f32(name, "x", a.x_TD);
  check_activation(name, "y", a.y_TD);
  check_shape(name, "y", a.y_TD, a.x_TD.rows, a.x_TD.cols);
  parallel_for(a.x_TD.rows, row_grain(a.x_TD.cols), [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(norm_forward_rows)(a, begin, end);
  });
}

void norm_backward(const char* name, const NormBackward& a, float* dw_D, float* db_D) {
  const int64_t rows = a.x_TD.rows, d = a.x_TD.cols;
  check_f32(name, "x", a.x_TD);
  check_f32(name, "dy", a.dy_TD);
  check_f32(name, "dx", a.dx_TD);
  check_shape(name, "dy", a.dy_TD, rows, d);
  check_shape(name, "dx", a.dx_TD, rows, d);
  const auto body = [&](int64_t begin, int64_t end, float* sums) {
    HWY_DYNAMIC_DISPATCH(norm_backward_rows)(a, sums, begin, end);
  };
  if (dw_D == nullptr && db_D == nullptr) {
    parallel_for(rows, row_grain(d), [&](int64_t begin, int64_t end) { body(begin, end, nullptr); });
  } else if (a.center) {
    add_row_sums(rows, d, {dw_D, db_D}, body);
  } else {
    add_row_sums(rows, d, {dw_D}, body);
  }
}

}  // namespace

void rmsnorm_forward(const Tensor& x_TD, const float* w_D, float eps, const Tensor& y_TD, float* rstd_T) {
  norm_forward("rmsnorm_forward", {false, x_TD, y_TD, w_D, nullptr, nullptr, rstd_T, eps});
}

void rmsnorm_backward(const Tensor& dy_TD, const Tensor& x_TD, const float* w_D, const float* rstd_T,
                      const Tensor& dx_TD, float* dw_D) {
  norm_backward("rmsnorm_backward", {false, dy_TD, x_TD, dx_TD, w_D, nullptr, rstd_T}, dw_D, nullptr);
}

void layernorm_forward(const Tensor& x_TD, const float* w_D, const float* b_D, float eps, const Tensor& y_TD,
                       float* mean_T, float* rstd_T) {
  norm_forward("layernorm_forward", {true, x_TD, y_TD, w_D, b_D, mean_T, rstd_T, eps});
}

void layernorm_backward(const Tensor& dy_TD, const Tensor& x_TD, const float* w_D, const float* mean_T,
                        const float* rstd_T, const Tensor& dx_TD, float* dw_D, float* db_D) {
  norm_backward("layernorm_backward", {true, dy_TD, x_TD, dx_TD, w_D, mean_T, rstd_T}, dw_D, db_D);
}

}  // namespace lethe::tensor
#endif  // HWY_ONCE
