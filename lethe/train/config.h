// The options of training, under the names of Hugging Face's TrainingArguments and PEFT's LoraConfig. Listed once,
// here.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lethe/base/options.h"
#include "lethe/model/lora.h"

namespace lethe::train {

struct TrainingConfig {
  std::optional<double> learning_rate;     // unset: the command chooses by its method
  std::optional<double> num_train_epochs;  // both unset: what the command says, for `update` until it is learned
  std::optional<int64_t> max_steps;
  int64_t per_device_train_batch_size = 16;
  int64_t gradient_accumulation_steps = 1;
  std::string lr_scheduler_type = "constant";
  int64_t warmup_steps = 0;
  double warmup_ratio = 0;
  double min_lr_rate = 0;
  std::string optim = "adamw";
  double weight_decay = 0;
  double adam_beta1 = 0.9, adam_beta2 = 0.999, adam_epsilon = 1e-8;
  double max_grad_norm = 1;    // 0: no clipping
  int64_t max_seq_length = 0;  // 0: the model's positions
  bool shuffle = true;
  bool gradient_checkpointing = false;
  int64_t save_steps = 0;  // 0: every ten minutes
  int64_t logging_steps = 1;

  void add_to(Options& options);
  // Refuses options that others rob of their effect.
  void resolve(Options& options);
};

struct LoraOptions {
  int64_t lora_rank = 8;
  double lora_alpha = 16;
  double lora_dropout = 0;
  std::vector<std::string> lora_target;  // none: the family's usual ones
  int64_t embedding_rank = 0;            // an option of `finetune` alone

  void add_to(Options& options);
  // The options have no effect in this run because of --method: an error where one was set (Options::no_effect).
  static void no_effect(Options& options, const std::string& reason);
  model::LoraConfig config() const { return {lora_rank, lora_alpha, lora_dropout, lora_target, embedding_rank}; }
};

}  // namespace lethe::train
