#include "lethe/train/config.h"

namespace lethe::train {

void TrainingConfig::add_to(Options& options) {
  options.group("Training");
  options.add("learning-rate", learning_rate, "the peak learning rate").above(0);
  options.add("num-train-epochs", num_train_epochs, "passes over the examples").above(0).at_most(1e9);
  options.add("max-steps", max_steps, "optimiser steps, whatever the epochs").at_least(1);
  options.add("per-device-train-batch-size", per_device_train_batch_size, "examples a forward pass")
      .at_least(1)
      .at_most(1 << 30);
  options.add("gradient-accumulation-steps", gradient_accumulation_steps, "forward passes an optimiser step")
      .at_least(1)
      .at_most(1 << 30);
  options.add("lr-scheduler-type", lr_scheduler_type, "how the learning rate goes after warm-up")
      .one_of({"constant", "linear", "cosine"});
  options.add("warmup-steps", warmup_steps, "steps over which the learning rate rises from 0").at_least(0);
  options.add("warmup-ratio", warmup_ratio, "the same as a share of all steps").at_least(0).at_most(1);
  options.add("min-lr-rate", min_lr_rate, "where a linear or cosine schedule ends, as a share of the peak")
      .at_least(0)
      .below(1);
  options.add("optim", optim, "the optimiser").one_of({"adamw", "sgd"});
  options.add("weight-decay", weight_decay, "decay of matrices, with AdamW decoupled; norms and biases have none")
      .at_least(0);
  options.add("adam-beta1", adam_beta1, "AdamW's first moment").at_least(0).below(1);
  options.add("adam-beta2", adam_beta2, "AdamW's second moment").at_least(0).below(1);
  options.add("adam-epsilon", adam_epsilon, "AdamW's epsilon").above(0);
  options.add("max-grad-norm", max_grad_norm, "clip the gradient to this norm; 0: no clipping").at_least(0);
  options.add("max-seq-length", max_seq_length, "cut examples to so many tokens; 0: the model's positions").at_least(0);
  options.add("shuffle", shuffle, "draw a new order every epoch");
  options.add("gradient-checkpointing", gradient_checkpointing,
              "compute activations again in backward: less memory, a third more work");
  options.add("save-steps", save_steps, "write a checkpoint every N steps; 0: every ten minutes").at_least(0);
  options.add("logging-steps", logging_steps, "log every N steps").at_least(1);
}

void TrainingConfig::resolve(Options& options) {
  options.overrides("max-steps", "num-train-epochs", "--max-steps ends the training");
  if (warmup_steps > 0)
    options.overrides("warmup-steps", "warmup-ratio", "--warmup-steps says how long the warm-up is");
  if (lr_scheduler_type == "constant")
    options.no_effect("min-lr-rate", "a constant learning rate stays at its peak", "lr-scheduler-type");
  if (optim == "sgd")
    for (const char* name : {"adam-beta1", "adam-beta2", "adam-epsilon"})
      options.no_effect(name, "sgd has none", "optim");
}

void LoraOptions::add_to(Options& options) {
  options.group("LoRA");
  options.add("lora-rank", lora_rank, "rank of the update").at_least(1).at_most(1 << 16);
  options.add("lora-alpha", lora_alpha, "the update is scaled by alpha / rank").above(0);
  options.add("lora-dropout", lora_dropout, "dropout of the update's input").at_least(0).below(1);
  options
      .add("lora-target", lora_target,
           "modules, by name (q_proj,v_proj), or all-linear; unless told those that PEFT adapts in the family")
      .placeholder("A,B");
}

void LoraOptions::no_effect(Options& options, const std::string& reason) {
  for (const char* name : {"lora-rank", "lora-alpha", "lora-dropout", "lora-target"})
    options.no_effect(name, reason, "method");
}

}  // namespace lethe::train
