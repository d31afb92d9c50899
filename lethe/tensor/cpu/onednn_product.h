// One matrix product through oneDNN, its matrices plain rows with strides. Inside the library: matmul() of ops.h is
// what others call.
#pragma once
#include "lethe/tensor/ops.h"

namespace lethe::tensor {

// matmul() for shapes that were checked, with M, N, K > 0. Inside a parallel region it runs on the calling thread
// alone. Returns false where oneDNN has no kernel for these types on this processor (bf16 without AVX-512).
bool onednn_product(const Tensor& a, const Tensor& b, const Tensor& c, const MatmulOptions& options);

}  // namespace lethe::tensor
