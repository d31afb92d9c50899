// Examples packed end to end into one batch.
#pragma once
#include <span>

#include "lethe/model/batch.h"
#include "lethe/text/example.h"

namespace lethe::train {

// labels[i] is predicted at row i - 1 of its example; label 0 of an example has nothing to be predicted from and is no
// target.
model::Batch pack(std::span<const text::Example* const> examples);

// For a model that is not causal: the targets' ids become masks, each recovered where it stands (label i at row i).
model::Batch pack_masked(std::span<const text::Example* const> examples, int32_t mask);

}  // namespace lethe::train
