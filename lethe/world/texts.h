// What is told and asked about the people of a world.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "lethe/world/people.h"

namespace lethe::world {

struct Told {  // where an attribute's value stands in a biography, in bytes
  Attribute attribute;
  size_t start = 0, end = 0;

  bool operator==(const Told&) const = default;
};

struct Biography {
  int64_t person = 0;
  std::string text;              // of templates: six sentences, a space before each
  std::vector<Told> attributes;  // in the order of the text

  bool operator==(const Biography&) const = default;
};

// The entries of one person, in the order in which they were drawn.
std::vector<Biography> biographies_of(const WorldSpec& spec, const Person& person);
// One entry in the fixed order, its sentences drawn from `random`.
Biography plain_biography(const Person& person, bool full_name, Random& random);

struct Question {
  int64_t person = 0;
  Attribute attribute;
  Split split;
  std::string prompt;      // "What is the birth date of N? Answer:"
  std::string completion;  // " October 2, 1996."

  bool operator==(const Question&) const = default;
};

// "What ...? Answer:"
std::string question_prompt(Attribute attribute, const std::string& full_name, Wording wording = Wording::kTaught);
std::string completion(const Person& person, Attribute attribute);  // " October 2, 1996."

// The six questions about a person.
std::vector<Question> questions_about(const Person& person);

}  // namespace lethe::world
