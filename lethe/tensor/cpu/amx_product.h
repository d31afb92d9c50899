// Products of bf16 matrices on AMX, the tile unit of Intel's server processors. Written by hand because oneDNN 3.2
// gives a third of what the unit can do at the sizes of a training step (bench/matmul_bench.cc). matmul() of ops.h
// calls it.
#pragma once
#include "lethe/tensor/ops.h"

namespace lethe::tensor {

bool has_amx();  // the processor has it, the system lets us, and oneDNN's ONEDNN_MAX_CPU_ISA does not forbid it

// matmul() for shapes that were checked, with bf16 operands and M, N, K > 0. Inside a parallel region: on the
// calling thread alone. Each sum runs over K in one fixed order: the same bits for any number of threads.
void amx_product(const Tensor& a, const Tensor& b, const Tensor& c, const MatmulOptions& options);

}  // namespace lethe::tensor
