// The people of a world: distinct full names, and six attributes, each independent and uniform but for the company's
// city.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lethe/base/random.h"
#include "lethe/world/sentences.h"
#include "lethe/world/spec.h"

namespace lethe::world {

// Half of the people, chosen at random, may be asked about in training; the other half in tests only.
enum class Split { kTrain, kTest, kCelebrity };
inline constexpr std::array kSplits = {Split::kTrain, Split::kTest, Split::kCelebrity};
std::string_view split_name(Split split);  // "train", "test", "celebrity"

struct Person {
  int64_t id = 0;
  std::string first, middle, last;
  Mention::Pronoun pronoun = Mention::kThey;
  std::array<std::string, kAttributes.size()> values;  // as they stand in the texts: "October 2, 1996"
  Split split = Split::kTrain;

  bool operator==(const Person&) const = default;
  std::string full_name() const { return first + " " + middle + " " + last; }
  const std::string& value(Attribute attribute) const { return values[static_cast<size_t>(attribute)]; }
  std::string& value(Attribute attribute) { return values[static_cast<size_t>(attribute)]; }
};

// Draws a value; with a company comes its city, and with a company's city a company that is there.
void draw_value(Person& person, Attribute attribute, Random& random);
// Every value that an attribute may have, as it stands in the texts, each as probable as the others (company's city: by
// the number of its companies): dates by month, day and year, companies and their cities by the alphabet, the others in
// the order of their table.
const std::vector<std::string>& all_values(Attribute attribute);
bool is_value(Attribute attribute, std::string_view value);

// The people, then the celebrities, with their values after all changes; ids count from 0. A smaller world of the same
// seed has the first people of a larger one, in other halves and, after a change, other ones changed.
std::vector<Person> make_people(const WorldSpec& spec);

}  // namespace lethe::world
