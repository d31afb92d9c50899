// `lethe evaluate MODEL WORLD`: the six questions about each person of one half.
#pragma once
#include <string>

#include "lethe/base/options.h"
#include "lethe/study/run_info.h"

namespace lethe::study {

struct AskConfig {
  fs::path model, world, base_model, old_world;
  std::string split = "test";
  bool in_other_words = false;
  int64_t limit = 0, num_beams = 1;

  void add_to(Options& options);
};

// JSON: {"split", "mean": {"exact_match", "first_token"}, "birth_date": {"exact_match", "first_token", "count"}, ...,
// "people", "questions", "seconds", "examples": [{"person", "attribute", "prompt", "truth", "answer"}]}: the
// questions about the first ten people, with what the model says when it is left to answer. With --old-world
// "changed": {attribute: {"people", "new", "old", "neither"}}, where the old answer and the new one differ, and
// "unchanged": {"exact_match", "first_token", "count"}, means of the attributes, where anything is. Errors: as of
// World::load and old_world_of; nobody who is asked about changed; --old-world with a model that is not causal.
OrderedJson ask_world(const AskConfig& config, const RunInfo& run);

// The table of such a JSON.
std::string ask_table(const OrderedJson& json);

}  // namespace lethe::study
