// `lethe finetune`: supervised fine-tuning on text data or on the questions of a world, all weights or LoRA.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lethe/base/options.h"
#include "lethe/study/run_info.h"
#include "lethe/train/config.h"

namespace lethe::study {

struct FinetuneConfig {
  fs::path model, out, run_dir;
  std::vector<std::string> files;
  std::string method = "lora";
  std::string template_name = "none";
  bool template_given = false;  // an error where no record is an instruction
  int64_t limit = 0;
  bool add_eos_token = false, merge = false, overwrite = false, resume = false;
  std::optional<int64_t> eval_steps;
  train::TrainingConfig training;
  train::LoraOptions lora;

  FinetuneConfig();  // the defaults of transformers' Trainer; on a WORLD resolve() takes the paper's
  bool on_world() const;
  void add_to(Options& options);
  void resolve(Options& options);
};

// JSON: {"method", "examples", "truncated", "steps", "epochs", "loss", "tokens", "tokens_per_second", "seconds",
// "curves_seconds" (beside those), "out"}. Errors: what is there already at OUT, or is read; a world of other tokens
// than the model's, or longer than its positions; records, with file and line; nothing is left behind.
OrderedJson finetune(const FinetuneConfig& config, const RunInfo& run);

}  // namespace lethe::study
