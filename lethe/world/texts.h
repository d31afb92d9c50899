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
};

struct Biography {
  int64_t person = 0;
  std::string text;              // six sentences, a space before each
  std::vector<Told> attributes;  // in the order of the text
};

// Every entry of every person, person by person; the entries of one person in the order in which they were drawn.
std::vector<Biography> make_biographies(const WorldSpec& spec, const std::vector<Person>& people);

struct Question {
  int64_t person = 0;
  Attribute attribute;
  Split split;
  std::string prompt;      // "What is the birth date of N? Answer:"
  std::string completion;  // " October 2, 1996."
};

// The six questions about each person.
std::vector<Question> make_questions(const std::vector<Person>& people);

}  // namespace lethe::world
