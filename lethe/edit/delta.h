// Arithmetic on weights, on disk: what tuning moved, added to a model in any amount. Streamed block by block: memory
// stays at a few megabytes, speed at the disk's or the memory's.
//
// A DELTA is a safetensors file of F32 tensors under canonical Hugging Face names; tensors that did not move are left
// out. F32 holds the difference of two F16 or BF16 weights exactly unless one is more than 2^13 times the other (2^16
// for BF16); then base + 1 * delta, rounded to the model's dtype, is the tuned weight again. Differences of F32 weights
// are rounded.
#pragma once
#include <string>
#include <vector>

#include "lethe/base/file.h"
#include "lethe/edit/norms.h"

namespace lethe::edit {

// DELTA = TUNED - BASE; both must have the same parameters. A tied head is part of the embedding.
void delta_diff(const fs::path& base, const fs::path& tuned, const fs::path& out, bool overwrite = false);

// OUT = MODEL + scale * DELTA in fp32, rounded once to the dtypes of MODEL's files. DELTA may be a PEFT adapter; where
// it adapts an embedding whose head is tied, OUT's head is written apart, unmoved, as PEFT computes it.
void delta_apply(const fs::path& model, const fs::path& delta, double scale, const fs::path& out,
                 bool overwrite = false);

// The Euclidean norm of each tensor of a DELTA, summed in fp64, in the order of layers (before them what lies outside).
std::vector<MatrixNorm> delta_norms(const fs::path& delta);

}  // namespace lethe::edit
