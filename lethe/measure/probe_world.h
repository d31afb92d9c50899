// What a probe of a world reads, and what it looks for (Physics of Language Models 3.1, sections 5.1 and 5.2): of each
// attribute the first token of its value, and the whole value; of the birth date only its first token, the month. The
// model's own unembedding names first tokens alone.
//   P-probe   a biography as pretraining shows it, behind an end-of-text token, read at the last token before each of
//             the six values, in the order of the text: position 0 precedes them all. Every entry of every person.
//   Q-probe   end-of-text token, full name, end-of-text token, read at the last.
// Trained on the people of the training half, scored on those of the other; celebrities are left out.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "lethe/measure/probe.h"
#include "lethe/text/tokenizer.h"
#include "lethe/world/world_files.h"

namespace lethe::measure {

enum class ProbeKind { kPositions, kQuery };  // P, Q

struct WorldTarget {
  world::Attribute attribute;
  bool whole = false;  // else the first token
  std::vector<std::string> classes = {};
  std::map<std::string, int32_t> class_of = {};  // of each value (of a birth date's month)

  int32_t class_of_person(const world::Person& person) const;  // -1: none of the world's
};

struct WorldProbe {
  std::vector<ProbeInput> train, test;
  std::vector<WorldTarget> meanings;
  std::vector<ProbeTarget> targets;  // the same, as numbers
  int64_t train_people = 0, test_people = 0;
};

// Errors: the model has fewer positions than a biography has tokens up to its last value; no end-of-text token; a value
// that is none of its attribute's.
WorldProbe world_probe(const world::World& world, const text::Tokenizer& tokenizer, int64_t positions, ProbeKind kind,
                       const std::vector<world::Attribute>& attributes,
                       ProbeClassifier classifier = ProbeClassifier::kTrained);

// Whether a causal model has seen a world's people: its mean loss on the first tokens of the values in biographies, and
// the same where each is told of somebody else. Of the first 100 people, but for celebrities and for those whose
// biography up to its last value is longer than the model's positions.
struct Acquaintance {
  int64_t people = 0;  // of fewer than two nothing else can be said
  double nll = 0, nll_of_others = 0;
  bool seen = false;  // the first is the smaller one, by more than three standard errors of the difference
};
Acquaintance acquaintance(const NamedModel& model, const world::World& world, const text::Tokenizer& tokenizer);

}  // namespace lethe::measure
