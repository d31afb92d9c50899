// `lethe world make`: people, their biographies and questions from a seed.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "lethe/base/options.h"
#include "lethe/world/spec.h"

namespace lethe::world {

struct MakeConfig {
  fs::path out, tokenizer = "word";
  int64_t people = 1000, celebrities = 0;
  std::string augment = "single", celebrity_augment = "multi5+permute";
  std::optional<int64_t> couple;
  bool overwrite = false;

  void add_to(Options& options);
  void resolve(Options& options);  // after parsing: refuses options without effect and other words
  WorldSpec spec(uint64_t seed) const;
};

// Writes the WORLD. JSON: {"people", "celebrities", "biographies", "questions", "out"}.
OrderedJson make_world(const MakeConfig& config, uint64_t seed);

}  // namespace lethe::world
