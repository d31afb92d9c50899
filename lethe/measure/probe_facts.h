// A probe of a real model on a file of facts: whether the class of a fact's answer can be read at its subject's last
// token. Two kinds of records, JSON or JSON lines:
//   {"subject", "answer", "prompt"?}   the classes are the answers
//   any format of facts (facts/facts.h) with a subject: the classes are the old answers, which the model is believed to
//                                      know; the new ones, where the file has no old ones
// A prompt in which the subject stands, as words of its own, is read up to the end of the last such place; else the
// subject alone is. The tokenizer's default special tokens stand before it; where there are none, the token of the
// text's begin, else of its end, if the tokenizer has one: nothing can be read of a model at its very first token.
#pragma once
#include <string>
#include <vector>

#include "lethe/base/file.h"
#include "lethe/measure/probe.h"
#include "lethe/text/tokenizer.h"

namespace lethe::measure {

struct FactsProbe {
  std::vector<ProbeInput> train, test;  // a record each
  std::vector<std::string> texts;       // what is read of each, by ProbeInput::label
  ProbeTarget target;
  std::vector<std::string> classes;
  int64_t train_subjects = 0, test_subjects = 0;
  int64_t left_out = 0;  // records of classes with one subject, which cannot be in both halves
};

// Half of each class's subjects, drawn by the seed, are for training (the larger half, where there are two); a subject
// that stands in several records is in one half with all of them. Errors name the file and the record: no subject, no
// answer, a text longer than the model's positions; fewer than two classes with several subjects.
FactsProbe facts_probe(const fs::path& file, const text::Tokenizer& tokenizer, int64_t positions, uint64_t seed);

}  // namespace lethe::measure
