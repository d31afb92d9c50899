// Rotary position embedding (Su et al., 2021) in place.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lethe/tensor/cpu/rope.cc"
#include "lethe/tensor/cpu/simd.h"
#include "lethe/tensor/ops.h"

HWY_BEFORE_NAMESPACE();
namespace lethe::tensor::HWY_NAMESPACE {
namespace {

#if HWY_TARGET != HWY_SCALAR
// turn_row() where a and b together are one vector: a quarter of a head of 64 columns, on AVX-512.
template <class X>
void turn_vectors(X* x, int64_t heads, int64_t head_stride, const float* cos, const float* sin, int64_t half,
                  bool inverse) {
  HWY_ALIGN float c[HWY_MAX_BYTES / sizeof(float)], s[HWY_MAX_BYTES / sizeof(float)];
  for (int64_t i = 0; i < half; ++i) {
    c[i] = c[i + half] = cos[i];
    s[i] = inverse ? sin[i] : -sin[i];
    s[i + half] = -s[i];
  }
  for (int64_t h = 0; h < heads; ++h, x += head_stride) {
    const Floats ab = load(x), ba = hn::ConcatLowerUpper(FloatTag(), ab, ab);
    store(hn::MulAdd(ba, load(s), hn::Mul(ab, load(c))), x);
  }
}
#endif

// a' = a * cos - b * sin,  b' = b * cos + a * sin,  with b `half` columns behind a.
template <class X>
void turn_row(X* x, int64_t heads, int64_t head_stride, const float* cos, const float* sin, int64_t half,
              bool inverse) {
#if HWY_TARGET != HWY_SCALAR
  if (2 * half == lanes()) return turn_vectors(x, heads, head_stride, cos, sin, half, inverse);
#endif
  const Floats sign = set(inverse ? -1 : 1);
  for (int64_t h = 0; h < heads; ++h, x += head_stride) {
    for_vectors(half, [&](int64_t i, auto part) HWY_ATTR {
      const Floats c = load(cos + i, part), s = hn::Mul(load(sin + i, part), sign);
      const Floats a = load(x + i, part), b = load(x + half + i, part);
      store(hn::NegMulAdd(b, s, hn::Mul(a, c)), x + i, part);
      store(hn::MulAdd(a, s, hn::Mul(b, c)), x + half + i, part);
    });
  }
}

void rope_row(void* x, DType dtype, int64_t heads, int64_t head_stride, const float* cos, const float* sin,
              int64_t half, bool inverse) {
  if (dtype == DType::kF32) {
    turn_row(static_cast<float*>(x), heads, head_stride, cos, sin, half, inverse);
  } else {
    turn_row(static_cast<BF16*>(x), heads, head_stride, cos, sin, half, inverse);
  }
}

}  // namespace
}  // namespace lethe::tensor::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lethe::tensor {

HWY_EXPORT(rope_row);

void rope(const Tensor& x, int64_t heads, int64_t head_stride, std::span<const int32_t> positions, const Tensor& cos,
          const Tensor& sin, bool inverse) {
  const int64_t half = cos.cols;
  check_activation("rope", "x", x);
  check_f32("rope", "cos", cos);
  check_f32("rope", "sin", sin);
  check_shape("rope", "x", x, static_cast<int64_t>(positions.size()), x.cols);
  check(heads > 0 && x.cols >= (heads - 1) * head_stride + 2 * half && x.cols <= heads * head_stride,
        "rope: x has {} columns, expected {} heads {} apart", x.cols, heads, head_stride);
  check_shape("rope", "sin", sin, cos.rows, half);
  check(2 * half <= head_stride, "rope: {} angles need {} columns of a head, it has {}", half, 2 * half, head_stride);
  check_rows("rope", "position", positions, cos.rows);
  parallel_for(x.rows, row_grain(x.cols), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t p = positions[static_cast<size_t>(t)];
      HWY_DYNAMIC_DISPATCH(rope_row)
      (x.at(t, 0), x.dtype, heads, head_stride, cos.f32() + p * cos.stride, sin.f32() + p * sin.stride, half, inverse);
    }
  });
}

}  // namespace lethe::tensor
#endif  // HWY_ONCE
