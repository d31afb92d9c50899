// Prompts that begin alike, as a chat's examples or a long context make them: what they share is computed once.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace lethe::model {

// Prompts [begin, end) whose first `shared` tokens are the same; each has at least one more. 0: nothing is shared.
struct PromptGroup {
  size_t begin = 0, end = 0;
  int64_t shared = 0;
};

// The prompts, in their order, in groups of neighbours that save the most rows. Fewer than 32 tokens are not shared: to
// attend to them apart costs more.
std::vector<PromptGroup> group_prompts(std::span<const std::vector<int32_t>> prompts);

// How many rows are computed for them.
int64_t rows_of(std::span<const std::vector<int32_t>> prompts);

}  // namespace lethe::model
