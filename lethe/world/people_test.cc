#include "lethe/world/people.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "lethe/base/error.h"

using namespace lethe;
using namespace lethe::world;

namespace {

// Pearson's statistic against equal counts in `cells` cells, in standard deviations from its mean (it has cells - 1
// degrees of freedom).
template <typename Key>
double excess(const std::map<Key, int64_t>& counts, size_t cells, size_t total) {
  const double expected = static_cast<double>(total) / static_cast<double>(cells);
  double sum = static_cast<double>(cells - counts.size()) * expected;
  for (const auto& [key, count] : counts)
    sum += (static_cast<double>(count) - expected) * (static_cast<double>(count) - expected) / expected;
  const auto freedom = static_cast<double>(cells - 1);
  return (sum - freedom) / std::sqrt(2 * freedom);
}

}  // namespace

TEST_CASE("attributes are uniform, each of its own table") {
  const auto people = make_people({.people = 40000});
  const std::map<Attribute, size_t> choices = {{Attribute::kBirthDate, 200 * 12 * 28},
                                               {Attribute::kBirthCity, 200},
                                               {Attribute::kUniversity, 300},
                                               {Attribute::kMajor, 100},
                                               {Attribute::kCompany, 263}};
  for (const auto& choice : choices) {
    const Attribute attribute = choice.first;
    const size_t cells = choice.second;
    CAPTURE(attribute_name(attribute));
    CHECK(all_values(attribute).size() == cells);
    CHECK(std::set<std::string>(all_values(attribute).begin(), all_values(attribute).end()).size() == cells);
    std::map<std::string, int64_t> counts;
    for (const Person& person : people) ++counts[person.value(attribute)];
    CHECK(counts.size() <= cells);
    CHECK(std::abs(excess(counts, cells, people.size())) < 5);
  }
  std::map<std::string, int64_t> first, middle, last, pronoun;
  for (const Person& person : people)
    ++first[person.first], ++middle[person.middle], ++last[person.last], ++pronoun[std::to_string(person.pronoun)];
  CHECK(std::abs(excess(first, 400, people.size())) < 5);
  CHECK(std::abs(excess(middle, 400, people.size())) < 5);
  CHECK(std::abs(excess(last, 1000, people.size())) < 5);
  CHECK(std::abs(excess(pronoun, 3, people.size())) < 5);
}

TEST_CASE("attributes are independent of each other and of the person, but a company has one city") {
  const auto people = make_people({.people = 60000});
  std::map<std::string, std::string> city_of;
  for (const Person& person : people) {
    const auto [it, added] = city_of.emplace(person.value(Attribute::kCompany), person.value(Attribute::kCompanyCity));
    CHECK(it->second == person.value(Attribute::kCompanyCity));
  }
  // Of the attributes, the parts of the name, the pronoun and the half, each two: Pearson's statistic of the table of
  // their values, sorted into seven boxes by a hash.
  const auto boxes_of = [&](const auto& value) {
    std::vector<size_t> boxes;
    for (const Person& person : people) boxes.push_back(std::hash<std::string>()(value(person)) % 7);
    return boxes;
  };
  std::vector<std::vector<size_t>> columns;
  for (size_t a = 0; a < 5; ++a) columns.push_back(boxes_of([&](const Person& person) { return person.values[a]; }));
  columns.push_back(boxes_of([](const Person& person) { return person.first; }));
  columns.push_back(boxes_of([](const Person& person) { return person.middle; }));
  columns.push_back(boxes_of([](const Person& person) { return person.last; }));
  columns.push_back(boxes_of([](const Person& person) { return std::to_string(person.pronoun); }));
  columns.push_back(boxes_of([](const Person& person) { return std::string(split_name(person.split)); }));
  const auto n = static_cast<double>(people.size());
  for (size_t a = 0; a < columns.size(); ++a) {
    for (size_t b = 0; b < a; ++b) {
      std::map<std::pair<size_t, size_t>, double> counts;
      std::map<size_t, double> of_a, of_b;
      for (size_t i = 0; i < people.size(); ++i)
        ++counts[{columns[a][i], columns[b][i]}], ++of_a[columns[a][i]], ++of_b[columns[b][i]];
      double statistic = 0;
      for (const auto& [x, count_x] : of_a)
        for (const auto& [y, count_y] : of_b) {
          const double expected = count_x * count_y / n;
          statistic += (counts[{x, y}] - expected) * (counts[{x, y}] - expected) / expected;
        }
      const auto freedom = static_cast<double>((of_a.size() - 1) * (of_b.size() - 1));
      CAPTURE(a);
      CAPTURE(b);
      CHECK((statistic - freedom) / std::sqrt(2 * freedom) < 6);
    }
  }
}

TEST_CASE("full names are distinct, halves are halves, and celebrities are in neither") {
  const auto people = make_people({.people = 20001, .celebrities = 5000, .seed = 3});
  std::set<std::string> names;
  std::map<Split, int64_t> splits;
  for (size_t i = 0; i < people.size(); ++i) {
    CHECK(people[i].id == static_cast<int64_t>(i));
    names.insert(people[i].full_name());
    ++splits[people[i].split];
    CHECK((people[i].split == Split::kCelebrity) == (i >= 20001));
  }
  CHECK(names.size() == 25001);
  CHECK(splits[Split::kTest] == 10000);
  CHECK(splits[Split::kTrain] == 10001);
}

TEST_CASE("a seed names a world; a smaller world has the first people of a larger one") {
  const auto small = make_people({.people = 50, .seed = 7}), large = make_people({.people = 500, .seed = 7}),
             other = make_people({.people = 50, .seed = 8});
  int same = 0;
  for (size_t i = 0; i < small.size(); ++i) {
    CHECK(small[i].full_name() == large[i].full_name());
    CHECK(small[i].values == large[i].values);
    same += small[i].full_name() == other[i].full_name();
  }
  CHECK(same == 0);
  CHECK(make_people({.people = 50, .seed = 7})[49].split == small[49].split);
}

TEST_CASE("a world with more people than names") {
  CHECK_THROWS_WITH_AS(make_people({.people = 160'000'001}), doctest::Contains("there are 160000000 different names"),
                       Error);
  CHECK_THROWS_WITH_AS(make_people({.people = 100'000'000, .celebrities = 60'000'001}),
                       doctest::Contains("60000001 celebrities"), Error);
  CHECK_THROWS_AS(make_people({.people = 0}), Error);
}
