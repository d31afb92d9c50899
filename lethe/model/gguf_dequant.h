// The values of GGUF's tensor types, to the bit those of the Python package gguf (gguf.quants.dequantize): products and
// sums in fp32 in its order. The layouts are those of ggml-common.h; the comment at each type draws its block.
#pragma once
#include <cstddef>

#include "lethe/model/gguf.h"

namespace lethe::model {

// Widens `blocks` whole blocks: `out` takes blocks * type.block values. On the calling thread.
void dequantise(const GgufType& type, const std::byte* from, int64_t blocks, float* out);

}  // namespace lethe::model
