// The weights stream by once, all rows of a are multiplied with each piece; sums in fp32.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lethe/tensor/cpu/row_product.cc"
#include "lethe/tensor/cpu/row_product.h"

#include <vector>

#include "hwy/cache_control.h"
#include "lethe/tensor/cpu/simd.h"

HWY_BEFORE_NAMESPACE();
namespace lethe::tensor::HWY_NAMESPACE {
namespace {

// sums[m * stride + r] = <a row m, w row r> for R rows of w that lie w_stride apart. The next R rows are asked for
// meanwhile: the processor's own prefetching ends with each row.
template <int M, int R, class T>
HWY_INLINE void dots(const float* a, int64_t a_stride, const T* w, int64_t w_stride, int64_t k, float* sums,
                     int64_t stride) {
  Floats sum[M][R];
  for (int m = 0; m < M; ++m) {
    for (int r = 0; r < R; ++r) sum[m][r] = zero();
  }
  for_vectors(k, [&](int64_t i, auto part) HWY_ATTR {
    Floats x[M];
    for (int m = 0; m < M; ++m) x[m] = load(a + m * a_stride + i, part);
    for (int r = 0; r < R; ++r) {
      const Floats y = load(w + r * w_stride + i, part);
      hwy::Prefetch(reinterpret_cast<const T*>(reinterpret_cast<uintptr_t>(w) +  // it may lie behind the end
                                               ((r + R) * w_stride + i) * sizeof(T)));
      for (int m = 0; m < M; ++m) sum[m][r] = hn::MulAdd(x[m], y, sum[m][r]);
    }
  });
  for (int m = 0; m < M; ++m) {
    for (int r = 0; r < R; ++r) sums[m * stride + r] = hn::GetLane(hn::SumOfLanes(FloatTag(), sum[m][r]));
  }
}

// Columns [begin, end) of the product into sums [M, end - begin]; w [N, K].
template <int M, class T>
void by_rows_of_weights(const float* a, int64_t a_stride, const Tensor& w, int64_t begin, int64_t end, float* sums) {
  constexpr int kRows = 4;
  const int64_t count = end - begin;
  int64_t n = 0;
  const auto row = [&](int64_t i) { return static_cast<const T*>(w.at(begin + i, 0)); };
  for (; n + kRows <= count; n += kRows) dots<M, kRows>(a, a_stride, row(n), w.stride, w.cols, sums + n, count);
  for (; n < count; ++n) dots<M, 1>(a, a_stride, row(n), w.stride, w.cols, sums + n, count);
}

// The same for w [K, N]: kDepth rows of w at a time are added to the sums.
template <int M, class T>
void by_columns_of_weights(const float* a, int64_t a_stride, const Tensor& w, int64_t begin, int64_t end, float* sums) {
  constexpr int64_t kDepth = 8;
  std::fill_n(sums, M * (end - begin), 0.0f);
  for (int64_t k = 0; k < w.rows; k += kDepth) {
    const int64_t depth = std::min(kDepth, w.rows - k);
    for_vectors(end - begin, [&](int64_t i, auto part) HWY_ATTR {
      Floats sum[M];
      for (int m = 0; m < M; ++m) sum[m] = load(sums + m * (end - begin) + i, part);
      for (int64_t d = 0; d < depth; ++d) {
        const Floats x = load(static_cast<const T*>(w.at(k + d, begin)) + i, part);
        for (int m = 0; m < M; ++m) sum[m] = hn::MulAdd(set(a[m * a_stride + k + d]), x, sum[m]);
      }
      for (int m = 0; m < M; ++m) store(sum[m], sums + m * (end - begin) + i, part);
    });
  }
}

template <int M>
void product_of_rows(const float* a, int64_t a_stride, const Tensor& w, bool transposed, int64_t begin, int64_t end,
                     float* sums) {
  if (w.dtype == DType::kF32) {
    (transposed ? by_rows_of_weights<M, float> : by_columns_of_weights<M, float>)(a, a_stride, w, begin, end, sums);
  } else {
    (transposed ? by_rows_of_weights<M, BF16> : by_columns_of_weights<M, BF16>)(a, a_stride, w, begin, end, sums);
  }
}

void product_kernel(int64_t rows, const float* a, int64_t a_stride, const Tensor& w, bool transposed, int64_t begin,
                    int64_t end, float* sums) {
  constexpr decltype(&product_of_rows<1>) kByRows[] = {product_of_rows<1>, product_of_rows<2>, product_of_rows<3>,
                                                       product_of_rows<4>};
  static_assert(std::size(kByRows) == kMaxRowsOfRowProduct);
  kByRows[rows - 1](a, a_stride, w, transposed, begin, end, sums);
}

template <class T>
void finish_row(const float* sums, int64_t n, const MatmulOptions& o, const float* bias, const float* residual, T* c) {
  const Floats scale = set(o.scale);
  for_vectors(n, [&](int64_t i, auto part) HWY_ATTR {
    Floats x = hn::Mul(load(sums + i, part), scale);
    if (bias != nullptr) x = hn::Add(x, load(bias + i, part));
    if (residual != nullptr) x = hn::Add(x, load(residual + i, part));
    if (o.accumulate) x = hn::Add(x, load(c + i, part));
    store(x, c + i, part);
  });
}

void finish_kernel(const float* sums, int64_t n, const MatmulOptions& o, const float* bias, const float* residual,
                   DType dtype, void* c) {
  if (dtype == DType::kF32) {
    finish_row(sums, n, o, bias, residual, static_cast<float*>(c));
  } else {
    finish_row(sums, n, o, bias, residual, static_cast<BF16*>(c));
  }
}

}  // namespace
}  // namespace lethe::tensor::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lethe::tensor {

HWY_EXPORT(product_kernel);
HWY_EXPORT(finish_kernel);

void row_product(const Tensor& a, const Tensor& b, const Tensor& c, const MatmulOptions& options) {
  const int64_t rows = c.rows, n = c.cols, k = a.cols, a_stride = (k + 15) / 16 * 16;
  std::vector<float> wide(static_cast<size_t>(rows * a_stride));
  for (int64_t m = 0; m < rows; ++m) convert_row(a.dtype, a.at(m, 0), DType::kF32, wide.data() + m * a_stride, k);
  // A thread's columns go in pieces, so that the sums stay in the first cache. Multiples of 32 columns: threads do not
  // share lines of c.
  constexpr int64_t kPiece = 1024, kUnit = 32;
  parallel_for((n + kUnit - 1) / kUnit, std::max<int64_t>(1, (int64_t{1} << 16) / (k * kUnit)),
               [&](int64_t first, int64_t last) {
                 thread_local std::vector<float> sums(kMaxRowsOfRowProduct * kPiece);
                 const int64_t stop = std::min(n, last * kUnit);
                 for (int64_t begin = first * kUnit; begin < stop; begin += kPiece) {
                   const int64_t end = std::min(stop, begin + kPiece), count = end - begin;
                   HWY_DYNAMIC_DISPATCH(product_kernel)
                   (rows, wide.data(), a_stride, b, options.transpose_b, begin, end, sums.data());
                   for (int64_t m = 0; m < rows; ++m) {
                     HWY_DYNAMIC_DISPATCH(finish_kernel)
                     (sums.data() + m * count, count, options, options.bias ? options.bias + begin : nullptr,
                      options.residual ? options.residual->f32() + m * options.residual->stride + begin : nullptr,
                      c.dtype, c.at(m, begin));
                   }
                 }
               });
}

}  // namespace lethe::tensor
#endif  // HWY_ONCE
