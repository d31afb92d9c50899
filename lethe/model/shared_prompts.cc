#include "lethe/model/shared_prompts.h"

#include <algorithm>

namespace lethe::model {
namespace {

constexpr int64_t kFewest = 32;

// With how many common tokens two prompts begin, at most all but the last of either.
int64_t common_beginning(std::span<const int32_t> a, std::span<const int32_t> b) {
  const size_t most = std::min(a.size(), b.size());
  if (most == 0) return 0;
  const auto end = std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(most), b.begin()).first;
  return std::min<int64_t>(end - a.begin(), static_cast<int64_t>(most) - 1);
}

struct Grouping {
  std::vector<PromptGroup> groups;
  int64_t saved = 0;
};

// Prompts [begin, end): one group, or apart where the neighbours have least in common. common[i]: of i and i + 1.
Grouping grouping_of(std::span<const int64_t> common, size_t begin, size_t end) {
  if (end - begin == 1) return {{{begin, end, 0}}, 0};
  const auto first = common.begin() + static_cast<std::ptrdiff_t>(begin);
  const auto least = std::min_element(first, common.begin() + static_cast<std::ptrdiff_t>(end - 1));
  const size_t cut = begin + static_cast<size_t>(least - first) + 1;
  Grouping apart = grouping_of(common, begin, cut), rest = grouping_of(common, cut, end);
  apart.saved += rest.saved;
  const int64_t together = *least >= kFewest ? *least * static_cast<int64_t>(end - begin - 1) : 0;
  if (together > apart.saved) return {{{begin, end, *least}}, together};
  apart.groups.insert(apart.groups.end(), rest.groups.begin(), rest.groups.end());
  return apart;
}

}  // namespace

std::vector<PromptGroup> group_prompts(std::span<const std::vector<int32_t>> prompts) {
  if (prompts.empty()) return {};
  std::vector<int64_t> common;
  for (size_t i = 0; i + 1 < prompts.size(); ++i) common.push_back(common_beginning(prompts[i], prompts[i + 1]));
  return grouping_of(common, 0, prompts.size()).groups;
}

int64_t rows_of(std::span<const std::vector<int32_t>> prompts) {
  int64_t rows = 0;
  for (const std::vector<int32_t>& prompt : prompts) rows += static_cast<int64_t>(prompt.size());
  for (const PromptGroup& group : group_prompts(prompts))
    rows -= group.shared * static_cast<int64_t>(group.end - group.begin - 1);
  return rows;
}

}  // namespace lethe::model
