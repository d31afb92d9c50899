// `lethe probe`: what can be read of a frozen model's hidden states, of a world's people (P- and Q-probe) or of the
// subjects of a file of facts.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lethe/base/options.h"
#include "lethe/study/run_info.h"

namespace lethe::study {

struct ProbeConfig {
  fs::path model, data, base_model, rows, old_world;
  std::string kind;                     // "p", "q"; empty: not given
  std::vector<std::string> attributes;  // none: all six
  std::optional<int64_t> embedding_rank, max_steps, per_device_train_batch_size;
  std::string classifier = "trained";
  std::optional<double> learning_rate;
  double weight_decay = 0.3;
  bool overwrite = false;

  void add_to(Options& options);
  void resolve(Options& options);
};

// JSON, of a world: {"kind", "people": {"train", "test"}, "first_token": {attribute: [...]}, "whole": {attribute:
// [...]}, "baseline": {"first_token": {attribute: x}, "whole"}, "ceiling": {same}, "seen", "nll", "nll_of_others",
// "embedding_rank", "steps", "batch_size", "seconds"}, accuracies in percent: one a position for p, one for q.
// "baseline" is what guessing the most frequent class would give, "ceiling" how many have a class that some person of
// the training half has: left out where the classifier is the model's own, which needs none. With --old-world, of a
// Q-probe, "changed": how often it reads the new value, the old one or neither on the name of people whose value
// changed; of a P-probe on a world of couples "by_told" (both: lethe/measure/probe_readings.h). "seen" (null for a
// model that reads both ways, or has no positions for two lives): whether the model knows the people at all. Of facts:
// {"kind": "facts", "subjects": {"train", "test"}, "classes", "accuracy" (of records), "baseline", "ceiling", ...}.
// Errors: a world of other tokens than the model's; a name or a life that is longer than its positions; a value that is
// none of the world's; options that what is probed has no use for.
OrderedJson probe(const ProbeConfig& config, const RunInfo& run);

// The result as a table for people.
std::string probe_table(const OrderedJson& result);

}  // namespace lethe::study
