#include "lethe/world/choices.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

using namespace lethe::world;

namespace {

using Values = std::vector<std::string_view>;

Values values_of(std::span<const std::string_view> table) { return {table.begin(), table.end()}; }

Values company_names() {
  Values names;
  for (const Company& company : companies()) names.push_back(company.name);
  return names;
}

Values company_cities() {
  Values cities;
  for (const Company& company : companies()) cities.push_back(company.city);
  return cities;
}

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_letter(char c) { return is_upper(c) || is_lower(c); }

void check_distinct(const Values& values, size_t count) {
  CHECK(values.size() == count);
  CHECK(std::set(values.begin(), values.end()).size() == count);
}

// Words of letters with one space between them: nothing that could end a sentence or begin an answer.
void check_phrase(std::string_view value) {
  CAPTURE(value);
  CHECK(is_upper(value.front()));
  CHECK(is_letter(value.back()));
  CHECK(std::all_of(value.begin(), value.end(), [](char c) { return is_letter(c) || c == ' '; }));
  CHECK(value.find("  ") == std::string_view::npos);
}

void check_city(std::string_view city) {
  CAPTURE(city);
  const size_t comma = city.find(", ");
  REQUIRE(comma != std::string_view::npos);
  check_phrase(city.substr(0, comma));
  const std::string_view state = city.substr(comma + 2);
  CHECK(state.size() == 2);
  CHECK(std::all_of(state.begin(), state.end(), is_upper));
}

// No value stands whole, word by word, inside another: a text that states the longer one does not state the shorter.
void check_none_holds_another(const Values& values) {
  for (std::string_view inner : values)
    for (std::string_view outer : values) {
      if (inner == outer) continue;
      const bool held = (' ' + std::string(outer) + ' ').find(' ' + std::string(inner) + ' ') != std::string::npos;
      CHECK_MESSAGE(!held, inner, " stands in ", outer);
    }
}

// How many values share their first word: what a guess of the first word gets right, at best.
std::pair<size_t, std::string> most_common_first_word(const Values& values) {
  std::map<std::string, size_t> counts;
  for (std::string_view value : values) ++counts[std::string(value.substr(0, value.find(' ')))];
  std::pair<size_t, std::string> best;
  for (const auto& [word, count] : counts) best = std::max(best, {count, word});
  return best;
}

}  // namespace

TEST_CASE("names: 400 x 400 x 1000, each one capitalised word") {
  check_distinct(values_of(first_names()), 400);
  check_distinct(values_of(middle_names()), 400);
  check_distinct(values_of(last_names()), 1000);
  for (const auto& table : {first_names(), middle_names(), last_names()})
    for (std::string_view name : table) {
      CAPTURE(name);
      CHECK(is_upper(name.front()));
      CHECK(name.size() >= 2);
      CHECK(std::all_of(name.begin() + 1, name.end(), is_lower));
    }
  CHECK(last_names().front() == "Amberbourne");
  CHECK(last_names().back() == "Wrenworth");
}

TEST_CASE("cities are 200 of the form City, ST") {
  check_distinct(values_of(cities()), 200);
  for (std::string_view city : cities()) check_city(city);
  check_none_holds_another(values_of(cities()));
  CHECK(most_common_first_word(values_of(cities())) == std::pair<size_t, std::string>{5, "San"});
}

TEST_CASE("of 300 universities 111 begin with University") {
  const Values values = values_of(universities());
  check_distinct(values, 300);
  for (std::string_view university : values) check_phrase(university);
  check_none_holds_another(values);
  CHECK(most_common_first_word(values) == std::pair<size_t, std::string>{111, "University"});
}

TEST_CASE("majors are 100") {
  const Values values = values_of(majors());
  check_distinct(values, 100);
  for (std::string_view major : values) check_phrase(major);
  check_none_holds_another(values);
  CHECK(most_common_first_word(values) == std::pair<size_t, std::string>{4, "Environmental"});
}

TEST_CASE("of 263 companies in 133 cities 36 sit in New York") {
  check_distinct(company_names(), 263);
  for (std::string_view name : company_names()) check_phrase(name);
  check_none_holds_another(company_names());
  CHECK(most_common_first_word(company_names()) == std::pair<size_t, std::string>{4, "Northern"});

  const Values cities = company_cities();
  for (std::string_view city : cities) check_city(city);
  const std::set<std::string_view> distinct(cities.begin(), cities.end());
  CHECK(distinct.size() == 133);
  check_none_holds_another({distinct.begin(), distinct.end()});
  CHECK(std::count(cities.begin(), cities.end(), "New York, NY") == 36);
  CHECK(most_common_first_word(cities) == std::pair<size_t, std::string>{39, "New"});
}

TEST_CASE("attributes have the names that files call them by") {
  std::string names;
  for (Attribute attribute : kAttributes) names.append(attribute_name(attribute)).append(" ");
  CHECK(names == "birth_date birth_city university major company company_city ");
}
