// `lethe pretrain`: a language model from nothing, on a world's biographies or on text.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "lethe/base/options.h"
#include "lethe/model/new_model.h"
#include "lethe/study/curves.h"
#include "lethe/study/run_info.h"
#include "lethe/train/config.h"

namespace lethe::study {

struct PretrainConfig {
  std::vector<std::string> data;
  fs::path out, run_dir, tokenizer;
  std::string family = "gpt2-rotary";
  int64_t layers = 4, heads = 4, hidden_size = 256;
  double initializer_range = model::kInitializerRange;
  std::optional<int64_t> intermediate_size;
  double mixed = 0;
  std::optional<int64_t> eval_steps;
  int64_t eval_people = kCurvePeople;
  bool overwrite = false, resume = false;
  train::TrainingConfig training;

  PretrainConfig();  // the paper's schedule; a net and a batch for two cores
  void add_to(Options& options);
  void resolve(Options& options);
};

// JSON: {"method", "family", "parameters", "texts", "steps", "epochs", "loss", "tokens", "tokens_per_second",
// "seconds", "curves_seconds" (beside those), "peak_share" (of the machine's multiply-adds, by 6 a parameter and
// token), "out"}. Errors name the file and the line: an id that the tokenizer does not have; a record with a prompt or
// with labels, which says what is to be learned of it.
OrderedJson pretrain(const PretrainConfig& config, const RunInfo& run);

}  // namespace lethe::study
