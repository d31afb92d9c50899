// Reliability, generality, locality, portability: the measures of F-Learning (teacher forcing, token level) beside
// exact match and ROME's success and magnitude.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "lethe/base/json.h"
#include "lethe/facts/facts.h"
#include "lethe/measure/score.h"
#include "lethe/text/template.h"
#include "lethe/text/tokenizer.h"

namespace lethe::measure {

// Means over the facts that have such a question (several of one fact count as their mean), in percent.
struct Measure {
  double token_accuracy = 0;  // share of the answer's tokens that are the argmax
  double exact_match = 0;     // all of them
  double success = 0;         // p(answer) > p(other answer), where the fact has both
  double magnitude = 0;       // p(answer) - p(other answer)
  int64_t count = 0;          // facts measured
  int64_t compared = 0;       // facts with both answers
};

struct Evaluation {
  int64_t facts = 0;
  Measure reliability, generality, locality, portability;  // of the new answers
  Measure old_reliability, old_generality;                 // of the old ones
  bool locality_compares_models = false;                   // else with the file's own answers
  OrderedJson json() const;
};

// What a model answers on locality questions, to compare another one's with: per fact, per question, token ids.
using LocalityAnswers = std::vector<std::vector<std::vector<int32_t>>>;

struct EvaluationDetail {
  Evaluation summary;
  LocalityAnswers locality;       // this model's
  std::vector<OrderedJson> rows;  // one a fact
};

// Error where the model's outputs are not numbers. Locality is measured against `before`, or against the file's own
// answers where it is null.
EvaluationDetail evaluate(const NamedModel& model, const text::Tokenizer& tokenizer, const text::Template& format,
                          const std::vector<facts::Fact>& facts, const LocalityAnswers* before = nullptr);

// What evaluate() needs as `before`: asks the locality questions only.
LocalityAnswers locality_answers(const NamedModel& model, const text::Tokenizer& tokenizer,
                                 const text::Template& format, const std::vector<facts::Fact>& facts);

// A prompt with its answer, as a model of so many positions reads it. Errors begin with `where`: no token of the answer
// is a target; it is too long.
text::Example encode_question(const text::Tokenizer& tokenizer, const text::Template& format, int64_t positions,
                              const std::string& where, const std::string& prompt, const std::string& answer);
// Throws what evaluate() would throw at these facts.
void check_questions(const text::Tokenizer& tokenizer, const text::Template& format, int64_t positions,
                     const std::vector<facts::Fact>& facts);

// As a table for people: of each kind of measure a column an evaluation (a single one is named above), what the words
// mean, and what was not measured. Where the last evaluation's locality compares models, those that compare with the
// file's answers show none.
std::string evaluation_table(const std::vector<std::pair<std::string, Evaluation>>& columns);

}  // namespace lethe::measure
