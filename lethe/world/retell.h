// Lives that a language model retells (bioR, appendix A.2): what it is asked, and what of its answers is taken.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lethe/base/random.h"
#include "lethe/world/texts.h"

namespace lethe::world {

// A conversation: three invented lives as examples of what is wanted, then the person's. The way in which the examples
// are told, all in one, and with it the order of the facts, is drawn anew each time; a small model keeps to the facts
// when it sees that way more than once: SmolLM2-135M in a third of its answers, far more than after one example. (The
// paper gives a model of 30 B weights the facts in any order and asks for about 50 words; here the examples say both.)
inline constexpr int64_t kRetellExamples = 3;
struct RetellRequest {
  struct Example {
    std::string question, answer;
  };
  std::vector<Example> examples;
  std::string question;
};
RetellRequest retell_request(const Person& person, Random& random);

// What is made of an answer: one paragraph of plain sentences with a space before it, without double quotes. With
// `full_name` a sentence that speaks of the person by he, she, they or theirs, whatever the person's pronoun (models go
// by the name), or by a part of the name, says the full name there; they may be things, and are where the pronoun is
// another one and the sentence before does not speak of the person. Taken only where `wrong` is empty:
//   "unfinished"     it does not end with a full stop, or has fewer than 20 or more than 100 words
//   "name"           the full name is not in it
//   "birth_date" ... the first attribute whose value is not in it, letter by letter and as words of its own: between
//                    spaces, or before a full stop or a comma
//   "mixed up"       a city stands in the other's place: "born in" where the company is
//   "example"        it says something of one of the examples
struct Retold {
  std::string wrong;
  Biography biography;  // with the values that are there
};
Retold retold(const Person& person, std::string_view answer, bool full_name);

}  // namespace lethe::world
