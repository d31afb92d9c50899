#include "lethe/text/example.h"

#include <algorithm>

namespace lethe::text {

int64_t Example::target_count() const {
  return std::ranges::count_if(labels, [](int32_t label) { return label != kNoTarget; });
}

void Example::append(std::span<const int32_t> more_ids, bool are_targets) {
  for (const int32_t id : more_ids) {
    labels.push_back(are_targets && !ids.empty() ? id : kNoTarget);
    ids.push_back(id);
  }
}

bool Example::truncate(int64_t length) {
  if (size() <= length) return false;
  ids.resize(static_cast<size_t>(length));
  labels.resize(static_cast<size_t>(length));
  return true;
}

}  // namespace lethe::text
