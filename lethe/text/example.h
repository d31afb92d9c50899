// One example to train on or to score: the ids of a text and, for each position, the token that it should hold.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace lethe::text {

constexpr int32_t kNoTarget = -100;  // as in PyTorch's cross entropy

// labels[i] is what position i should hold, predicted from the positions before it, or kNoTarget; both have the same
// length. Nothing predicts the first position: labels[0] is kNoTarget.
struct Example {
  std::vector<int32_t> ids, labels;

  int64_t size() const { return std::ssize(ids); }
  int64_t target_count() const;
  void append(std::span<const int32_t> more_ids, bool are_targets);
  // Keeps the first `length` positions; true if that took something away.
  bool truncate(int64_t length);
};

}  // namespace lethe::text
