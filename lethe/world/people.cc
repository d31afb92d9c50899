#include "lethe/world/people.h"

#include <fmt/format.h>

#include <unordered_set>

#include "lethe/base/error.h"
#include "lethe/base/random.h"

namespace lethe::world {
namespace {

template <typename T>
const T& draw(Random& random, std::span<const T> table) {
  return table[random.below(table.size())];
}

std::string draw_date(Random& random) {
  const std::string_view month = draw(random, months());
  const uint64_t day = 1 + random.below(28), year = 1900 + random.below(200);
  return fmt::format("{} {}, {}", month, day, year);
}

}  // namespace

std::string_view split_name(Split split) {
  return split == Split::kTrain ? "train" : split == Split::kTest ? "test" : "celebrity";
}

std::vector<Person> make_people(const WorldSpec& spec) {
  spec.check();
  const auto firsts = first_names(), middles = middle_names(), lasts = last_names();
  Random names(spec.seed, "world/names");
  std::unordered_set<uint64_t> taken;
  std::vector<Person> people;
  people.reserve(static_cast<size_t>(spec.people + spec.celebrities));
  for (int64_t id = 0; id < spec.people + spec.celebrities; ++id) {
    uint64_t name;
    do {
      name = names.below(firsts.size() * middles.size() * lasts.size());
    } while (!taken.insert(name).second);
    Random random(spec.seed, "world/person", static_cast<uint64_t>(id));
    Person person;
    person.id = id;
    person.last = lasts[name % lasts.size()];
    person.middle = middles[name / lasts.size() % middles.size()];
    person.first = firsts[name / lasts.size() / middles.size()];
    person.pronoun = static_cast<Mention::Pronoun>(random.below(3));
    const std::string date = draw_date(random);
    const std::string_view city = draw(random, cities()), university = draw(random, universities()),
                           major = draw(random, majors());
    const Company& company = draw(random, companies());
    person.values = {date,
                     std::string(city),
                     std::string(university),
                     std::string(major),
                     std::string(company.name),
                     std::string(company.city)};
    person.split = id < spec.people ? Split::kTrain : Split::kCelebrity;
    people.push_back(std::move(person));
  }
  std::vector<int64_t> order(static_cast<size_t>(spec.people));
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
  Random(spec.seed, "world/halves").shuffle(order);
  for (size_t i = 0; i < order.size() / 2; ++i) people[static_cast<size_t>(order[i])].split = Split::kTest;
  return people;
}

}  // namespace lethe::world
