// Matrix products with very few rows, as in generation: reading the weights is the cost. matmul() of ops.h calls it.
#pragma once
#include "lethe/tensor/ops.h"

namespace lethe::tensor {

constexpr int64_t kMaxRowsOfRowProduct = 4;

// matmul() for shapes that were checked, with 0 < M <= kMaxRowsOfRowProduct, a not transposed, N, K > 0.
void row_product(const Tensor& a, const Tensor& b, const Tensor& c, const MatmulOptions& options);

}  // namespace lethe::tensor
