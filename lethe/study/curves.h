// Learning curves of a training on a world (figure 1 of Physics of Language Models 3.1): how often the first token of
// an attribute is the model's most probable one, in biographies and behind questions, of people who are asked about in
// training and of people who are not. A sample of people, cheap: scored together in some batches.
#pragma once
#include <algorithm>
#include <vector>

#include "lethe/model/transformer.h"
#include "lethe/text/tokenizer.h"
#include "lethe/world/world_files.h"

namespace lethe::study {

inline constexpr int64_t kCurvePoints = 25, kCurvePeople = 64;  // unless told

// Between two points of a training of `steps`, so that they are `points` at most.
inline int64_t curve_steps(int64_t steps, int64_t points) {
  return std::max<int64_t>(1, steps / points + (steps % points > 0));
}

class LearningCurves {
 public:
  // The first `people` of each half: of those who may be asked about in training (world::is_trained) and of all
  // others. Lines of a file left by an interrupted run stay up to `resumed_step`.
  LearningCurves(const world::World& world, const text::Tokenizer& tokenizer, const model::ModelConfig& config,
                 fs::path file, int64_t people, int64_t resumed_step);

  // Appends {"step", "tokens", "biography": {"train", "test"}, "question": {"train", "test"}}, percent.
  void measure(int64_t step, int64_t tokens, model::Transformer& model);
  double seconds() const { return seconds_; }

 private:
  struct Part {
    const char *kind, *half;
    std::vector<model::Batch> batches;
  };
  std::vector<Part> parts_;
  fs::path file_;
  std::string lines_;
  double seconds_ = 0;
};

}  // namespace lethe::study
