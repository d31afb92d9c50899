// Teacher forcing: what a model says of given answers to given prompts. Answers that share a prompt share its
// computation, and nothing is computed for the last token of an answer, which nothing follows.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "lethe/model/transformer.h"
#include "lethe/text/example.h"

namespace lethe::measure {

struct AnswerScore {
  std::vector<int32_t> ids;     // the answer
  std::vector<int32_t> argmax;  // the model's most probable token at each of its positions, given the tokens before
  std::vector<float> nll;       // -log p of the answer's tokens, natural

  double token_accuracy(const std::vector<int32_t>& expected) const;  // share of argmax that equals `expected`
  double log_probability() const;                                     // of the whole answer
};

// A model, and what errors call it: the one whose outputs are not numbers is named.
struct NamedModel {
  model::Transformer& transformer;
  std::string name;
};

// What a forward pass says of a batch's targets. Error: that is no number. Throws Interrupted after Ctrl-C.
model::TargetScores score_batch(const NamedModel& model, const model::Batch& batch);

// Scores the targets of each example (the answer is its run of targets, to its end), in order. Neighbours with one
// prompt share its computation.
std::vector<AnswerScore> score_answers(const NamedModel& model, const std::vector<text::Example>& examples,
                                       const char* label);

// Examples scored alone, target by target; for perplexity. Calls done(index, scores) in order.
void score_examples(const NamedModel& model, const std::vector<text::Example>& examples, const char* label,
                    const std::function<void(size_t, const model::TargetScores&)>& done);

}  // namespace lethe::measure
