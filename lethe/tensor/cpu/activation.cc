// The activations of feed-forward layers, forward and backward: SwiGLU (Shazeer, 2020) and GELU (Hendrycks and Gimpel,
// 2016), exact and by tanh.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lethe/tensor/cpu/activation.cc"
#include "lethe/tensor/cpu/simd.h"
#include "lethe/tensor/ops.h"

HWY_BEFORE_NAMESPACE();
namespace lethe::tensor::HWY_NAMESPACE {
namespace {

template <class T>
void swiglu_forward_part(const T* gate, const T* up, T* y, int64_t n) {
  for_vectors(n, [&](int64_t i, auto part) HWY_ATTR {
    const Floats g = load(gate + i, part);
    store(hn::Mul(hn::Mul(g, sigmoid(g)), load(up + i, part)), y + i, part);
  });
}

void swiglu_forward_row(DType dtype, const void* gate, const void* up, void* y, int64_t n) {
  if (dtype == DType::kF32) {
    swiglu_forward_part(static_cast<const float*>(gate), static_cast<const float*>(up), static_cast<float*>(y), n);
  } else {
    swiglu_forward_part(static_cast<const BF16*>(gate), static_cast<const BF16*>(up), static_cast<BF16*>(y), n);
  }
}

// s = sigmoid(gate):  dgate = dy * up * s * (1 + gate * (1 - s)),  dup = dy * gate * s.
template <class T>
void swiglu_backward_part(const T* dy, const T* gate, const T* up, T* dgate, T* dup, int64_t n) {
  for_vectors(n, [&](int64_t i, auto part) HWY_ATTR {
    const Floats g = load(gate + i, part), u = load(up + i, part), d = load(dy + i, part);
    const Floats s = sigmoid(g);
    const Floats gs = hn::Mul(g, s);
    store(hn::Mul(hn::Mul(d, u), hn::NegMulAdd(gs, s, hn::Add(s, gs))), dgate + i, part);
    store(hn::Mul(d, gs), dup + i, part);
  });
}

void swiglu_backward_row(DType dtype, const void* dy, const void* gate, const void* up, void* dgate, void* dup,
                         int64_t n) {
  if (dtype == DType::kF32) {
    swiglu_backward_part(static_cast<const float*>(dy), static_cast<const float*>(gate), static_cast<const float*>(up),
                         static_cast<float*>(dgate), static_cast<float*>(dup), n);
  } else {
    swiglu_backward_part(static_cast<const BF16*>(dy), static_cast<const BF16*>(gate), static_cast<const BF16*>(up),
                         static_cast<BF16*>(dgate), static_cast<BF16*>(dup), n);
  }
}

// A GELU is x * s(x); both kinds give s and its derivative.
struct Slope {
  Floats s, ds;
};

// s = Phi(x), the normal distribution; ds = its density. Phi(-|x|) = exp(-x^2 / 2) * Q(1 / (1 + 0.3 |x|)): Q is a
// least-maximum fit to erfcx(|x| / sqrt 2) / 2 on |x| <= 13.5, relative error 6e-8 (2e-7 in fp32).
HWY_INLINE Slope slope_erf(Floats x) {
  const Floats t = hn::Div(set(1), hn::MulAdd(hn::Abs(x), set(0.3f), set(1)));
  const Floats e = exp_of_negative(hn::Mul(hn::Mul(x, x), set(-0.5f)));
  Floats q = set(0.038334280252456665f);
  q = hn::MulAdd(q, t, set(-0.16895201802253723f));
  q = hn::MulAdd(q, t, set(0.22821740806102753f));
  q = hn::MulAdd(q, t, set(-0.07599969953298569f));
  q = hn::MulAdd(q, t, set(0.14218512177467346f));
  q = hn::MulAdd(q, t, set(0.09483295679092407f));
  q = hn::MulAdd(q, t, set(0.12188205868005753f));
  q = hn::MulAdd(q, t, set(0.11949305981397629f));
  q = hn::MulAdd(q, t, set(6.852951628388837e-06f));
  const Floats tail = hn::Mul(e, q);
  const Floats s = hn::IfThenElse(hn::Lt(x, zero()), tail, hn::Sub(set(1), tail));
  return {s, hn::Mul(e, set(0.3989422804f))};
}

// 0.5 * (1 + tanh(u)) = sigmoid(2u), u = sqrt(2 / pi) * (x + 0.044715 x^3).
HWY_INLINE Slope slope_tanh(Floats x) {
  const Floats x2 = hn::Mul(x, x);
  const Floats s = sigmoid(hn::Mul(x, hn::MulAdd(x2, set(1.5957691216f * 0.044715f), set(1.5957691216f))));
  const Floats du = hn::MulAdd(x2, set(1.5957691216f * 3 * 0.044715f), set(1.5957691216f));
  return {s, hn::Mul(hn::NegMulAdd(s, s, s), du)};
}

HWY_INLINE Slope slope(Gelu kind, Floats x) { return kind == Gelu::kErf ? slope_erf(x) : slope_tanh(x); }

template <class T>
void gelu_forward_part(Gelu kind, const T* x, T* y, int64_t n) {
  for_vectors(n, [&](int64_t i, auto part) HWY_ATTR {
    const Floats v = load(x + i, part);
    store(hn::Mul(v, slope(kind, v).s), y + i, part);
  });
}

template <class T>
void gelu_backward_part(Gelu kind, const T* dy, const T* x, T* dx, int64_t n) {
  for_vectors(n, [&](int64_t i, auto part) HWY_ATTR {
    const Floats v = load(x + i, part);
    const Slope f = slope(kind, v);
    store(hn::Mul(load(dy + i, part), hn::MulAdd(v, f.ds, f.s)), dx + i, part);
  });
}

void gelu_forward_row(Gelu kind, DType dtype, const void* x, void* y, int64_t n) {
  if (dtype == DType::kF32) {
    gelu_forward_part(kind, static_cast<const float*>(x), static_cast<float*>(y), n);
  } else {
    gelu_forward_part(kind, static_cast<const BF16*>(x), static_cast<BF16*>(y), n);
  }
}

void gelu_backward_row(Gelu kind, DType dtype, const void* dy, const void* x, void* dx, int64_t n) {
  if (dtype == DType::kF32) {
    gelu_backward_part(kind, static_cast<const float*>(dy), static_cast<const float*>(x), static_cast<float*>(dx), n);
  } else {
    gelu_backward_part(kind, static_cast<const BF16*>(dy), static_cast<const BF16*>(x), static_cast<BF16*>(dx), n);
  }
}

}  // namespace
}  // namespace lethe::tensor::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lethe::tensor {

HWY_EXPORT(swiglu_forward_row);
HWY_EXPORT(swiglu_backward_row);
HWY_EXPORT(gelu_forward_row);
HWY_EXPORT(gelu_backward_row);

void swiglu_forward(const Tensor& gate_up, const Tensor& y_TF) {
  check_activation("swiglu_forward", "y", y_TF);
  const Tensor gate = gate_up.col_range(0, y_TF.cols), up = gate_up.col_range(y_TF.cols, y_TF.cols);
  check_shape("swiglu_forward", "gate_up", gate_up, y_TF.rows, 2 * y_TF.cols);
  check_alike("swiglu_forward", y_TF, gate);
  for_stretches({y_TF, gate, up}, [&](int64_t row, int64_t col, int64_t count) {
    HWY_DYNAMIC_DISPATCH(swiglu_forward_row)
    (y_TF.dtype, gate.at(row, col), up.at(row, col), y_TF.at(row, col), count);
  });
}

void swiglu_backward(const Tensor& dy_TF, const Tensor& gate_up, const Tensor& dgate_up) {
  check_activation("swiglu_backward", "dy", dy_TF);
  check_shape("swiglu_backward", "gate_up", gate_up, dy_TF.rows, 2 * dy_TF.cols);
  check_alike("swiglu_backward", gate_up, dgate_up);
  const int64_t f = dy_TF.cols;
  const Tensor gate = gate_up.col_range(0, f), up = gate_up.col_range(f, f);
  const Tensor dgate = dgate_up.col_range(0, f), dup = dgate_up.col_range(f, f);
  check_alike("swiglu_backward", dy_TF, gate);
  for_stretches({dy_TF, gate, dgate}, [&](int64_t row, int64_t col, int64_t count) {
    HWY_DYNAMIC_DISPATCH(swiglu_backward_row)
    (dy_TF.dtype, dy_TF.at(row, col), gate.at(row, col), up.at(row, col), dgate.at(row, col), dup.at(row, col), count);
  });
}

void gelu_forward(Gelu kind, const Tensor& x, const Tensor& y) {
  check_activation("gelu_forward", "x", x);
  check_alike("gelu_forward", x, y);
  for_stretches({x, y}, [&](int64_t row, int64_t col, int64_t count) {
    HWY_DYNAMIC_DISPATCH(gelu_forward_row)(kind, x.dtype, x.at(row, col), y.at(row, col), count);
  });
}

void gelu_backward(Gelu kind, const Tensor& dy, const Tensor& x, const Tensor& dx) {
  check_activation("gelu_backward", "x", x);
  check_alike("gelu_backward", x, dy);
  check_alike("gelu_backward", x, dx);
  for_stretches({dy, x, dx}, [&](int64_t row, int64_t col, int64_t count) {
    HWY_DYNAMIC_DISPATCH(gelu_backward_row)
    (kind, x.dtype, dy.at(row, col), x.at(row, col), dx.at(row, col), count);
  });
}

}  // namespace lethe::tensor
#endif  // HWY_ONCE
