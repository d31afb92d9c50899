// What the memory-bound operations share outside their kernels: the 16-bit types, checks of arguments, and how elements
// and rows are handed to the threads.
#pragma once
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "lethe/base/error.h"
#include "lethe/tensor/parallel.h"
#include "lethe/tensor/tensor.h"

// The instruction sets that kernels are not compiled for; Highway's headers, included later, read it. The sanitised
// build, which compiles slowly, tests the widest and the narrowest.
#ifdef __SANITIZE_ADDRESS__
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX2)
#else
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4)
#endif

namespace lethe::tensor {

struct BF16 {
  uint16_t bits;
};
struct F16 {
  uint16_t bits;
};

inline void check_shape(const char* operation, const char* what, const Tensor& t, int64_t rows, int64_t cols) {
  check(t.rows == rows && t.cols == cols, "{}: {} is {} x {}, expected {} x {}", operation, what, t.rows, t.cols, rows,
        cols);
}
inline void check_f32(const char* operation, const char* what, const Tensor& t) {
  check(t.dtype == DType::kF32, "{}: {} is {}, expected fp32", operation, what, name_of(t.dtype));
}
inline void check_activation(const char* operation, const char* what, const Tensor& t) {
  check(t.dtype != DType::kF16, "{}: {} is fp16, expected fp32 or bf16", operation, what);
}
inline void check_alike(const char* operation, const Tensor& a, const Tensor& b) {  // shape and type
  check_shape(operation, "an operand", b, a.rows, a.cols);
  check(a.dtype == b.dtype, "{}: operands are {} and {}, expected one type", operation, name_of(a.dtype),
        name_of(b.dtype));
}
// Each index names one of `rows` rows.
inline void check_rows(const char* operation, const char* what, std::span<const int32_t> indices, int64_t rows) {
  for (const int32_t i : indices) check(0 <= i && i < rows, "{}: {} {} is outside [0, {})", operation, what, i, rows);
}

// n elements of one row, as convert() does; in convert.cc.
void convert_row(DType from_type, const void* from, DType to_type, void* to, int64_t n);

// How many rows of `cols` elements are worth a thread.
inline int64_t row_grain(int64_t cols) { return std::max<int64_t>(1, 8192 / std::max<int64_t>(1, cols)); }

// body(row, col, count) for stretches that cover every element of equally shaped tensors, on the threads: long
// stretches across rows where no tensor has gaps between them, else single rows.
template <class Body>
void for_stretches(std::initializer_list<Tensor> tensors, const Body& body) {
  const Tensor& first = *tensors.begin();
  const bool gaps = std::any_of(tensors.begin(), tensors.end(), [](const Tensor& t) { return t.stride != t.cols; });
  if (gaps && first.rows > 1) {
    parallel_for(first.rows, row_grain(first.cols), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) body(row, int64_t{0}, first.cols);
    });
    return;
  }
  constexpr int64_t kBlock = 1024;
  const int64_t n = first.size();
  parallel_for((n + kBlock - 1) / kBlock, 8, [&](int64_t begin, int64_t end) {
    body(int64_t{0}, begin * kBlock, std::min(n, end * kBlock) - begin * kBlock);
  });
}

// sums[k][0..width) += the sums over rows that body(begin, end, partial) adds to its zeroed partial [sums.size(),
// width]; null entries of `sums` are dropped. The cut into chunks of rows depends on `rows` only, and the chunks are
// added in order: the same bits for any number of threads.
template <class Body>
void add_row_sums(int64_t rows, int64_t width, std::initializer_list<float*> sums, const Body& body) {
  if (rows == 0) return;
  const int64_t chunks = std::clamp<int64_t>((rows + 31) / 32, 1, 64);
  const int64_t size = width * static_cast<int64_t>(sums.size());
  thread_local std::vector<float> scratch;  // the caller's; kept, so that a training step allocates nothing
  if (static_cast<int64_t>(scratch.size()) < chunks * size) scratch.resize(static_cast<size_t>(chunks * size));
  float* const partials = scratch.data();
  const int64_t grain = std::max<int64_t>(1, row_grain(width) * chunks / rows);
  parallel_for(chunks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      std::fill_n(partials + c * size, size, 0.0f);
      body(rows * c / chunks, rows * (c + 1) / chunks, partials + c * size);
    }
  });
  parallel_for(width, 512, [&](int64_t begin, int64_t end) {
    for (int64_t c = 0; c < chunks; ++c) {
      const float* partial = partials + c * size;
      for (float* sum : sums) {
        for (int64_t j = begin; sum != nullptr && j < end; ++j) sum[j] += partial[j];
        partial += width;
      }
    }
  });
}

}  // namespace lethe::tensor
