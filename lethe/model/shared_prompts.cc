#include "lethe/model/shared_prompts.h"

#include <algorithm>
#include <limits>

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

}  // namespace

std::vector<PromptGroup> group_prompts(std::span<const std::vector<int32_t>> prompts) {
  std::vector<int64_t> common;  // of i and i + 1
  for (size_t i = 0; i + 1 < prompts.size(); ++i) common.push_back(common_beginning(prompts[i], prompts[i + 1]));
  struct Best {
    int64_t saved = 0;
    PromptGroup last;
  };
  std::vector<Best> best(prompts.size() + 1);  // of the first i prompts
  for (size_t end = 1; end <= prompts.size(); ++end) {
    best[end] = {best[end - 1].saved, {end - 1, end, 0}};
    int64_t shared = std::numeric_limits<int64_t>::max();
    for (size_t begin = end - 1; begin-- > 0;) {
      shared = std::min(shared, common[begin]);
      if (shared < kFewest) break;
      const int64_t saved = best[begin].saved + shared * static_cast<int64_t>(end - begin - 1);
      if (saved > best[end].saved) best[end] = {saved, {begin, end, shared}};
    }
  }
  std::vector<PromptGroup> groups;
  for (size_t end = prompts.size(); end > 0; end = groups.back().begin) groups.push_back(best[end].last);
  std::ranges::reverse(groups);
  return groups;
}

int64_t rows_of(std::span<const std::vector<int32_t>> prompts) {
  int64_t rows = 0;
  for (const std::vector<int32_t>& prompt : prompts) rows += static_cast<int64_t>(prompt.size());
  for (const PromptGroup& group : group_prompts(prompts))
    rows -= group.shared * static_cast<int64_t>(group.end - group.begin - 1);
  return rows;
}

}  // namespace lethe::model
