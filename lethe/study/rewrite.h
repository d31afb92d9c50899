// `lethe world rewrite`: a language model retells every life of a world in its own words (bioR, appendix A.2), again
// and again until all six values stand in the text.
#pragma once
#include <cstdint>
#include <string>

#include "lethe/base/options.h"
#include "lethe/study/run_info.h"

namespace lethe::study {

struct RewriteConfig {
  fs::path world, model, base_model, answers, out, tokenizer = "word";
  int64_t versions = 1, celebrity_versions = 5, limit = 0, max_tries = 64, max_new_tokens = 120;
  bool full_name = false, overwrite = false, resume = false;
  double temperature = 0.5, top_p = 0.9;
  std::string incomplete = "error";

  void add_to(Options& options);
  void resolve(Options& options);
};

// Writes OUT, a world of the same people in the model's words (world/retell.h says which answers are taken). With
// config.limit it is the world that WORLD's spec makes of so many people: the first ones, in other halves. Every try of
// a life has a random stream of its own. OUT/lives.jsonl holds the answers of all waves so far; --resume goes on from
// them to the same bytes, and where OUT is complete it gives its result. config.answers: an earlier OUT, of other
// versions or with full names, whose answers count first; its model, people and way to draw answers must be the same.
// It is read where OUT has no answers yet. A life that is not told after --max-tries is an Error, or told in six of
// Lethe's own sentences, as config.incomplete says. Errors: as World::load; a world that was edited; --resume where OUT
// holds no rewrite, or one with other settings, another model or other people, before anything is written. JSON:
// {"model", "people", "versions", "biographies", "told", "completed", "answers", "earlier", "acceptance_rate", "wrong",
// "tokens", "tokens_per_second", "seconds", "out"}: percent of the answers, and how many were wrong in which way. It
// stays in OUT/rewrite.json as "result", beside "settings", on which the answers depend.
OrderedJson rewrite(const RewriteConfig& config, const RunInfo& run);

}  // namespace lethe::study
