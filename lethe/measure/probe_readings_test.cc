#include "lethe/measure/probe_readings.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"

using namespace lethe;
using namespace lethe::measure;
using world::Attribute;

namespace {

// Two people of the test half, each read at `positions` places of one biography.
struct Fixture {
  world::World world;
  WorldProbe data;

  explicit Fixture(size_t positions) {
    for (int64_t id : {0, 1}) {
      world::Person person;
      person.id = id;
      person.first = id == 0 ? "Ann" : "Dan";
      person.middle = "Bee", person.last = "Cee";
      world.people.push_back(person);
      data.test.push_back({{}, std::vector<int32_t>(positions), id, id});
    }
  }
  void add_target(Attribute attribute, bool whole, std::vector<std::string> classes, std::vector<int32_t> labels) {
    data.meanings.push_back({attribute, whole, classes});
    for (size_t c = 0; c < classes.size(); ++c) data.meanings.back().class_of[classes[c]] = static_cast<int32_t>(c);
    data.targets.push_back(
        {std::string(world::attribute_name(attribute)), static_cast<int64_t>(classes.size()), std::move(labels)});
  }
  world::Person& person(size_t i) { return world.people[i]; }
};

std::string& university(world::Person& person) { return person.values[static_cast<size_t>(Attribute::kUniversity)]; }

}  // namespace

TEST_CASE("of changed people the new value is read, the old one, or neither") {
  Fixture now(1);
  university(now.person(0)) = "New", university(now.person(1)) = "Same";
  world::World before = now.world;
  university(before.people[0]) = "Old";
  now.add_target(Attribute::kUniversity, false, {"x"}, {0, 0});
  now.add_target(Attribute::kUniversity, true, {"New", "Old", "Same", "Other"}, {0, 2});
  const auto read = [&](int32_t what) {
    return readings_of_changed(now.world, before, now.data, {{{}, 0, 0, {0, 0}}, {{}, 0, 0, {what, 3}}}).dump();
  };
  CHECK(read(0) == R"({"university":{"people":1,"new":100.0,"old":0.0,"neither":0.0}})");
  CHECK(read(1) == R"({"university":{"people":1,"new":0.0,"old":100.0,"neither":0.0}})");
  CHECK(read(3) == R"({"university":{"people":1,"new":0.0,"old":0.0,"neither":100.0}})");
  CHECK(readings_of_changed(now.world, now.world, now.data, {{{}, 0, 0, {0, 0}}, {{}, 0, 0, {0, 0}}}).empty());
  // A probe of first tokens alone: two universities begin alike.
  now.data.meanings.pop_back();
  now.data.targets.pop_back();
  now.data.meanings[0].class_of = {{"New", 0}, {"Old", 1}, {"Same", 1}};
  const auto first = [&] { return readings_of_changed(now.world, before, now.data, {{{}, 0, 0, {1, 1}}}).dump(); };
  CHECK(first() == R"({"university":{"people":1,"new":0.0,"old":100.0,"neither":0.0}})");
  now.data.meanings[0].class_of["New"] = 1;
  CHECK(first() == "{}");
}

TEST_CASE("readings of a pair's second value, by what was told before it") {
  Fixture f(6);
  const auto biography = [](int64_t person, std::vector<Attribute> order) {
    world::Biography b;
    b.person = person;
    for (const Attribute attribute : order) b.attributes.push_back({attribute, 0, 0});
    return b;
  };
  using enum Attribute;
  f.world.biographies = {biography(0, {kUniversity, kMajor, kBirthDate, kBirthCity, kCompany, kCompanyCity}),
                         biography(1, {kCompany, kCompanyCity, kUniversity, kMajor, kBirthDate, kBirthCity}),
                         biography(1, {kBirthDate, kBirthCity, kUniversity, kMajor, kCompany, kCompanyCity})};
  f.data.test.push_back(f.data.test[1]);  // the second biography of the second person
  f.add_target(kBirthCity, false, {"wrong", "right"}, {1, 1});
  // Birth city: told at place 3, 5 and 1. At 0 nothing is told; at 2 and 4 other pairs; at 3, 5, 1 the birth date.
  const std::vector<int32_t> predicted = {1, 0, 0, 1, 0, 0,   // nothing 1; university 0; with the birth date 1
                                          0, 0, 1, 0, 1, 1,   // nothing 0; company 1; both 1; with the birth date 1
                                          0, 0, 1, 1, 1, 1};  // nothing 0; the birth date alone 0; later: not counted
  CHECK(readings_by_told(f.world, f.data, {{{}, 0, 0, predicted}})["birth_city"].dump() ==
        OrderedJson({{"nothing", 100.0 / 3},
                     {"others_least", 0.0},
                     {"others_most", 100.0},
                     {"partner_least", 0.0},
                     {"partner_most", 100.0}})
            .dump());
}
