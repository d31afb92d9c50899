#include "lethe/world/people.h"

#include <fmt/format.h>

#include <set>
#include <unordered_set>

#include "lethe/base/error.h"
#include "lethe/world/change.h"

namespace lethe::world {
namespace {

template <typename T>
const T& draw(Random& random, std::span<const T> table) {
  return table[random.below(table.size())];
}

constexpr uint64_t kFirstYear = 1900, kYears = 200, kDays = 28;

std::string date_text(std::string_view month, uint64_t day, uint64_t year) {
  return fmt::format("{} {}, {}", month, day, year);
}

}  // namespace

std::string_view split_name(Split split) {
  return split == Split::kTrain ? "train" : split == Split::kTest ? "test" : "celebrity";
}

void draw_value(Person& person, Attribute attribute, Random& random) {
  switch (attribute) {
    case Attribute::kBirthDate: {
      const std::string_view month = draw(random, months());
      const uint64_t day = 1 + random.below(kDays), year = kFirstYear + random.below(kYears);
      person.value(attribute) = date_text(month, day, year);
      break;
    }
    case Attribute::kBirthCity:
      person.value(attribute) = draw(random, cities());
      break;
    case Attribute::kUniversity:
      person.value(attribute) = draw(random, universities());
      break;
    case Attribute::kMajor:
      person.value(attribute) = draw(random, majors());
      break;
    case Attribute::kCompany:
    case Attribute::kCompanyCity: {
      const Company& company = draw(random, companies());
      person.value(Attribute::kCompany) = company.name;
      person.value(Attribute::kCompanyCity) = company.city;
      break;
    }
  }
}

const std::vector<std::string>& all_values(Attribute attribute) {
  static const auto kAll = [] {
    std::array<std::vector<std::string>, kAttributes.size()> all;
    const auto of = [&](Attribute a) -> auto& { return all[static_cast<size_t>(a)]; };
    for (const std::string_view month : months())
      for (uint64_t day = 1; day <= kDays; ++day)
        for (uint64_t year = 0; year < kYears; ++year)
          of(Attribute::kBirthDate).push_back(date_text(month, day, kFirstYear + year));
    of(Attribute::kBirthCity).assign(cities().begin(), cities().end());
    of(Attribute::kUniversity).assign(universities().begin(), universities().end());
    of(Attribute::kMajor).assign(majors().begin(), majors().end());
    std::set<std::string> names, cities;
    for (const Company& company : companies()) names.emplace(company.name), cities.emplace(company.city);
    of(Attribute::kCompany).assign(names.begin(), names.end());
    of(Attribute::kCompanyCity).assign(cities.begin(), cities.end());
    return all;
  }();
  return kAll[static_cast<size_t>(attribute)];
}

bool is_value(Attribute attribute, std::string_view value) {
  static const auto kSets = [] {
    std::array<std::unordered_set<std::string_view>, kAttributes.size()> sets;
    for (const Attribute a : kAttributes)
      sets[static_cast<size_t>(a)].insert(all_values(a).begin(), all_values(a).end());
    return sets;
  }();
  return kSets[static_cast<size_t>(attribute)].contains(value);
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
    for (const Attribute attribute : kAttributes)
      if (attribute != Attribute::kCompanyCity) draw_value(person, attribute, random);
    person.split = id < spec.people ? Split::kTrain : Split::kCelebrity;
    people.push_back(std::move(person));
  }
  std::vector<int64_t> order(static_cast<size_t>(spec.people));
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
  Random(spec.seed, "world/halves").shuffle(order);
  for (size_t i = 0; i < order.size() / 2; ++i) people[static_cast<size_t>(order[i])].split = Split::kTest;
  apply_changes(spec.changes, people);
  return people;
}

}  // namespace lethe::world
