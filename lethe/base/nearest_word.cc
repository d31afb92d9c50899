#include "lethe/base/nearest_word.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace lethe {

std::string nearest_word(std::string_view word, std::span<const std::string> candidates) {
  std::string best;
  size_t best_distance = (word.size() <= 3 ? 1 : std::max<size_t>(2, word.size() / 3)) + 1;
  for (const std::string& candidate : candidates) {
    // Levenshtein's distance, a row at a time.
    std::vector<size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 0; i < word.size(); ++i) {
      size_t diagonal = std::exchange(row[0], i + 1);
      for (size_t j = 0; j < candidate.size(); ++j) {
        const size_t replace = diagonal + (word[i] != candidate[j]);
        diagonal = row[j + 1];
        row[j + 1] = std::min({replace, row[j] + 1, diagonal + 1});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string> candidates, std::string_view before) {
  const std::string nearest = nearest_word(word, candidates);
  return nearest.empty() ? "" : fmt::format(" (did you mean {}{}?)", before, nearest);
}

std::string known_words(std::string_view word, std::span<const std::string> candidates) {
  if (candidates.empty()) return "there is none";
  const std::string nearest = nearest_word(word, candidates);
  return nearest.empty() ? fmt::format("expected {}", fmt::join(candidates, ", "))
                         : fmt::format("did you mean {}? Expected {}", nearest, fmt::join(candidates, ", "));
}

}  // namespace lethe
