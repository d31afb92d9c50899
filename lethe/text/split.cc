#include "lethe/text/split.h"

#include <algorithm>
#include <iterator>

#include "lethe/text/component.h"

namespace lethe::text {

SplitBehavior split_behavior(const std::string& name, const std::string& where) {
  static constexpr std::string_view kNames[] = {"Removed", "Isolated", "Contiguous", "MergedWithPrevious",
                                                "MergedWithNext"};
  const auto* it = std::find(std::begin(kNames), std::end(kNames), name);
  if (it == std::end(kNames)) fail_unknown(where, "behavior", name, kNames);
  return static_cast<SplitBehavior>(it - std::begin(kNames));
}

void Splitter::range(size_t begin, size_t end, bool is_match) {
  bool joins = false;  // the range continues the piece that is held back
  switch (behavior_) {
    case SplitBehavior::kRemoved:
    case SplitBehavior::kIsolated:
      if (begin < end && !(is_match && behavior_ == SplitBehavior::kRemoved)) out_(begin, end);
      return;
    case SplitBehavior::kContiguous:
      joins = held_ && held_match_ == is_match;
      break;
    case SplitBehavior::kMergedWithPrevious:
      joins = held_ && is_match && !previous_match_;
      break;
    case SplitBehavior::kMergedWithNext:
      joins = held_ && held_match_ && !is_match;
      break;
  }
  if (!joins) {
    flush();
    held_begin_ = begin;
  }
  held_ = true;
  held_end_ = end;
  held_match_ = previous_match_ = is_match;
}

}  // namespace lethe::text
