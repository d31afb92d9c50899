// F-Learning: forget, then learn (arXiv 2311.08011, equations 3 to 8).
//   delta  = FT(theta, old facts) - theta
//   theta' = theta - rate * delta
//   theta* = FT(theta', new facts), with a fresh optimiser
// FT is full fine-tuning or LoRA (then delta is scale * B A on its targets), in either stage; the baselines only learn.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lethe/edit/norms.h"
#include "lethe/model/model_files.h"
#include "lethe/text/example.h"
#include "lethe/train/trainer.h"

namespace lethe::edit {

// What the forgetting adapter is called in the run folder, where it is kept for runs that resume while they learn.
inline constexpr const char* kForgetAdapter = "forget-adapter";

enum class Tuning { kNone, kFull, kLora };

struct Method {
  const char* name;
  Tuning forget, learn;
  const char* what;
  bool forgets() const { return forget != Tuning::kNone; }
  bool has_lora() const { return forget == Tuning::kLora || learn == Tuning::kLora; }
  bool only_lora() const { return forget != Tuning::kFull && learn == Tuning::kLora; }
};
const std::vector<Method>& methods();
const Method& method_named(const std::string& name);

struct FLearningConfig {
  std::string method = "f-ft";
  double rate = 0.3;
  train::Stage forget{.name = "forget"}, learn{.name = "learn"};
  train::TrainingConfig training;
  model::LoraConfig lora;
};

struct Edit {
  model::NewValues values;  // of theta*, for write_model and Transformer::load
  std::optional<model::Adapter>
      adapter;  // where all that changed is low-rank: the same edit on the original model (rank 2r of f-lora)
  std::vector<MatrixNorm> delta;  // empty for the baselines
  train::StageResult forget, learn;
};

// Throws where these LoRA targets do not fit the model: no such module, or one that another layer shares.
void check_lora(const model::ModelFiles& files, const model::LoraConfig& config);

// Called with the model that has forgotten, before it learns. Not called when the run resumes past it.
using AfterForgetting = std::function<void(model::Transformer&, const Edit& so_far)>;

// `old_facts` is read only by methods that forget. On resumption into the learning stage `forget` and `delta` are
// empty.
Edit f_learning(const model::ModelFiles& files, tensor::DType precision, const std::vector<text::Example>& old_facts,
                const std::vector<text::Example>& new_facts, const FLearningConfig& config, train::Session& session,
                const AfterForgetting& after_forgetting = {});

}  // namespace lethe::edit
