// `lethe world change`: a world in which some people have another university, say, and the facts that tell a model so.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "lethe/base/options.h"
#include "lethe/world/people.h"

namespace lethe::world {

// One change after the other: each gives a share of each half of the people, rounded, another value; celebrities stay
// as they are. Each other value is as probable, but a company's city by the number of its companies. A company brings
// its city along, and a company's city a company that is there. Who changes is drawn for each change anew, under one
// seed, too. Error: a share is nobody.
void apply_changes(const std::vector<Change>& changes, std::vector<Person>& people);

struct ChangeConfig {
  fs::path world, out;
  std::string attribute = "university";
  double share = 0.1;
  bool overwrite = false;

  void add_to(Options& options);
};

// Writes OUT, a whole world with the new values, told in the sentences of WORLD, and three files of facts, a record a
// changed person, in the order of the people:
//   facts-questions.jsonl    the question is taught
//   facts-biographies.jsonl  the beginning of a biography's sentence is taught
//   facts-both.jsonl         for each person the one, then the other
// Three beginnings of other sentences rephrase each: so generality is what is said in biographies, however it was
// taught. Answers end in a full stop, as in the texts. Locality asks about the person's other attributes and about
// other people; portability, of a company, about its city (of a city: its company), where that changed along. JSON:
// {"attribute", "share", "changed", "out"}. Errors: as World::load; a world that a language model retold, one that was
// edited, or one without a tokenizer.
OrderedJson change_world(const ChangeConfig& config, uint64_t seed);

}  // namespace lethe::world
