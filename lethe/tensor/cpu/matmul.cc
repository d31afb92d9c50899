// matmul(): checks, the empty cases, and the choice of the way to compute.
#include <algorithm>

#include "lethe/base/error.h"
#include "lethe/tensor/cpu/amx_product.h"
#include "lethe/tensor/cpu/onednn_product.h"
#include "lethe/tensor/cpu/row_product.h"
#include "lethe/tensor/ops.h"
#include "lethe/tensor/parallel.h"

namespace lethe::tensor {
namespace {

struct Sizes {
  int64_t m, n, k;
};

Sizes checked_sizes(const Tensor& a, const Tensor& b, const Tensor& c, const MatmulOptions& o) {
  const int64_t m = o.transpose_a ? a.cols : a.rows, k = o.transpose_a ? a.rows : a.cols;
  const int64_t n = o.transpose_b ? b.rows : b.cols, kb = o.transpose_b ? b.cols : b.rows;
  check(k == kb && c.rows == m && c.cols == n, "matmul: [{}, {}]{} x [{}, {}]{} -> [{}, {}]: the shapes do not fit",
        a.rows, a.cols, o.transpose_a ? "^T" : "", b.rows, b.cols, o.transpose_b ? "^T" : "", c.rows, c.cols);
  check(a.dtype == b.dtype && (a.dtype == DType::kF32 || a.dtype == DType::kBF16) &&
            (c.dtype == DType::kF32 || c.dtype == a.dtype),
        "matmul: {} x {} -> {}: both inputs fp32 or both bf16 are expected, the output fp32 or as they",
        name_of(a.dtype), name_of(b.dtype), name_of(c.dtype));
  check(c.dtype == DType::kF32 || !(o.accumulate || (o.residual && o.residual->data == c.data)),
        "matmul: an output of {} cannot be added to, fp32 is expected", name_of(c.dtype));
  if (o.residual) {
    check(o.residual->rows == m && o.residual->cols == n && o.residual->dtype == DType::kF32,
          "matmul: residual [{}, {}] of {}, [{}, {}] of fp32 is expected", o.residual->rows, o.residual->cols,
          name_of(o.residual->dtype), m, n);
    check(o.residual->data != c.data || o.residual->stride == c.stride,
          "matmul: the residual is the output, with another stride ({}, {})", o.residual->stride, c.stride);
  }
  return {m, n, k};
}

// The operand as fp32 rows without gaps, in `memory`.
Tensor widened(const Tensor& x, Buffer& memory) {
  memory = Buffer(static_cast<size_t>(x.size()) * sizeof(float));
  const Tensor wide(memory.data(), DType::kF32, x.rows, x.cols);
  convert(x, wide);
  return wide;
}

// For processors without bf16: the operands widened, the sum in fp32, rounded at the end.
void product_by_widening(const Tensor& a, const Tensor& b, const Tensor& c, const MatmulOptions& options) {
  Buffer memory_a, memory_b, memory_c;
  const Tensor wide_a = widened(a, memory_a), wide_b = widened(b, memory_b);
  Tensor wide_c = c;
  if (c.dtype != DType::kF32) {
    memory_c = Buffer(static_cast<size_t>(c.size()) * sizeof(float));
    wide_c = Tensor(memory_c.data(), DType::kF32, c.rows, c.cols);
  }
  check(onednn_product(wide_a, wide_b, wide_c, options), "oneDNN has no fp32 product for this processor");
  if (c.dtype != DType::kF32) convert(wide_c, c);
}

// K = 0: the product is zero, the additions remain. A one-column product with zeros says it without a second code.
void product_of_nothing(const Tensor& c, const MatmulOptions& options) {
  Buffer memory(static_cast<size_t>(std::max(c.rows, c.cols)) * sizeof(float));
  const Tensor zeros_a(memory.data(), c.dtype, c.rows, 1), zeros_b(memory.data(), c.dtype, 1, c.cols);
  MatmulOptions additions = options;
  additions.transpose_a = additions.transpose_b = false;
  matmul(zeros_a, zeros_b, c, additions);
}

}  // namespace

void matmul(const Tensor& a, const Tensor& b, const Tensor& c, const MatmulOptions& options) {
  const Sizes sizes = checked_sizes(a, b, c, options);
  if (sizes.m == 0 || sizes.n == 0) return;
  if (sizes.k == 0) return product_of_nothing(c, options);
  if (sizes.m <= kMaxRowsOfRowProduct && !options.transpose_a) return row_product(a, b, c, options);
  if (a.dtype == DType::kBF16 && has_amx()) return amx_product(a, b, c, options);
  if (!onednn_product(a, b, c, options)) product_by_widening(a, b, c, options);
}

}  // namespace lethe::tensor
