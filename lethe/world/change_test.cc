#include "lethe/world/change.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <set>
#include <sstream>

#include "lethe/world/world_files.h"
#include "tests/temp_dir.h"

using namespace lethe;
using namespace lethe::world;

namespace {

std::vector<Json> records(const fs::path& path) {
  std::vector<Json> all;
  std::istringstream text(read_file(path));
  for (std::string line; std::getline(text, line);) all.push_back(Json::parse(line));
  return all;
}

OrderedJson change(const fs::path& world, const fs::path& out, const char* attribute, double share, uint64_t seed = 0) {
  ChangeConfig config;
  config.world = world;
  config.out = out;
  config.attribute = attribute;
  config.share = share;
  return change_world(config, seed);
}

}  // namespace

TEST_CASE("a share of each half has another value, celebrities keep theirs, and nothing else changes") {
  const WorldSpec before{.people = 400, .celebrities = 50};
  for (const Attribute attribute : kAttributes) {
    CAPTURE(attribute_name(attribute));
    WorldSpec after = before;
    after.changes = {{attribute, 0.1, 7}};
    const auto old_people = make_people(before), people = make_people(after);
    std::map<Split, int> changed;
    for (size_t i = 0; i < people.size(); ++i) {
      if (people[i] == old_people[i]) continue;
      ++changed[people[i].split];
      CHECK(people[i].value(attribute) != old_people[i].value(attribute));
      CHECK(is_value(attribute, people[i].value(attribute)));
      Person same = people[i];
      same.value(attribute) = old_people[i].value(attribute);
      if (attribute == Attribute::kCompany)
        same.value(Attribute::kCompanyCity) = old_people[i].value(Attribute::kCompanyCity);
      if (attribute == Attribute::kCompanyCity)
        same.value(Attribute::kCompany) = old_people[i].value(Attribute::kCompany);
      CHECK(same == old_people[i]);
    }
    CHECK(changed == std::map<Split, int>{{Split::kTrain, 20}, {Split::kTest, 20}});
  }
}

TEST_CASE("changes of two attributes under one seed are of other people") {
  WorldSpec spec{.people = 2000};
  const auto before = make_people(spec);
  spec.changes = {{Attribute::kUniversity, 0.1, 0}, {Attribute::kMajor, 0.1, 0}};
  const auto after = make_people(spec);
  int both = 0;
  for (size_t i = 0; i < after.size(); ++i)
    both += after[i].value(Attribute::kUniversity) != before[i].value(Attribute::kUniversity) &&
            after[i].value(Attribute::kMajor) != before[i].value(Attribute::kMajor);
  CHECK(both > 5);  // by chance 20 of 200
  CHECK(both < 40);
}

TEST_CASE("a second change of an attribute under one seed is of other people, and a first one as it is alone") {
  WorldSpec spec{.people = 2000};
  std::vector<std::vector<Person>> people = {make_people(spec)};
  for (int i = 0; i < 3; ++i) {
    spec.changes.push_back({Attribute::kUniversity, 0.1, 7});
    people.push_back(make_people(spec));
  }
  const auto changed = [&](size_t time, size_t i) { return people[time + 1][i] != people[time][i]; };
  for (size_t time = 0; time < 3; ++time)
    for (size_t earlier = 0; earlier < time; ++earlier) {
      int all = 0, both = 0;
      for (size_t i = 0; i < people[0].size(); ++i) {
        all += changed(time, i);
        both += changed(time, i) && changed(earlier, i);
      }
      CHECK(all == 200);
      CHECK(both < 40);  // by chance 20
    }

  spec.changes = {{Attribute::kUniversity, 0.1, 7}, {Attribute::kMajor, 0.1, 7}, {Attribute::kUniversity, 0.1, 8}};
  const auto after = make_people(spec);
  spec.changes = {{Attribute::kMajor, 0.1, 7}};
  const auto major = make_people(spec);
  spec.changes = {{Attribute::kUniversity, 0.1, 8}};
  const auto university = make_people(spec);
  int same = 0;
  for (size_t i = 0; i < after.size(); ++i) {
    CHECK(after[i].value(Attribute::kMajor) == major[i].value(Attribute::kMajor));
    if (university[i] == people[0][i]) continue;
    same += after[i].value(Attribute::kUniversity) == university[i].value(Attribute::kUniversity);
  }
  CHECK(same > 190);  // but for those who had that value already, of 200
}

TEST_CASE("new values are uniform among the others, and a company brings its city") {
  WorldSpec spec{.people = 30000};
  const auto before = make_people(spec);
  spec.changes = {{Attribute::kMajor, 1, 0}, {Attribute::kCompany, 0.5, 1}};
  const auto after = make_people(spec);
  std::map<std::string, std::map<std::string, int>> majors;  // of each old one
  std::map<std::string, std::string> city;
  for (const Company& company : companies()) city.emplace(company.name, company.city);
  for (size_t i = 0; i < after.size(); ++i) {
    ++majors[before[i].value(Attribute::kMajor)][after[i].value(Attribute::kMajor)];
    CHECK(after[i].value(Attribute::kCompanyCity) == city.at(after[i].value(Attribute::kCompany)));
  }
  // Pearson's statistic, in standard deviations: about 300 drawn from 99, a hundred times.
  REQUIRE(majors.size() == 100);
  double sum = 0;
  for (const auto& [old, others] : majors) {
    CHECK(others.count(old) == 0);
    double drawn = 0;
    for (const auto& [major, count] : others) drawn += count;
    const double expected = drawn / 99;
    sum += (99 - static_cast<double>(others.size())) * expected;
    for (const auto& [major, count] : others) sum += (count - expected) * (count - expected) / expected;
  }
  const double freedom = 100 * 98;
  CHECK(std::abs(sum - freedom) / std::sqrt(2 * freedom) < 5);
}

TEST_CASE("world change: a whole world in the same sentences, and three files of facts") {
  const TempDir dir;
  const WorldSpec spec{.people = 60, .celebrities = 5, .seed = 2};
  write_world(dir / "w", spec, "word");
  const OrderedJson result = change(dir / "w", dir / "w2", "university", 0.2, 4);
  CHECK(result["changed"] == 12);
  const World old_world = World::load(dir / "w"), world = World::load(dir / "w2");
  CHECK(world.spec.changes == std::vector<Change>{{Attribute::kUniversity, 0.2, 4}});
  CHECK(world.people == make_people(world.spec));
  CHECK(read_file(dir / "w" / "tokenizer.json") == read_file(dir / "w2" / "tokenizer.json"));

  const auto questions = records(dir / "w2" / "facts-questions.jsonl"),
             biographies = records(dir / "w2" / "facts-biographies.jsonl"),
             both = records(dir / "w2" / "facts-both.jsonl");
  REQUIRE(questions.size() == 12);
  REQUIRE(biographies.size() == 12);
  REQUIRE(both.size() == 24);
  std::set<std::string> prompts, taught;
  for (const Json& fact : both) taught.insert(fact["prompt"]);
  for (const Json& fact : both)
    for (const Json& other : fact["rephrase"]) CHECK(taught.count(other) == 0);
  size_t at = 0;
  for (size_t i = 0; i < world.people.size(); ++i) {
    const Person &person = world.people[i], &old_person = old_world.people[i];
    const std::string &value = person.value(Attribute::kUniversity),
                      &old_value = old_person.value(Attribute::kUniversity);
    // The same words around other values.
    std::string retold = old_world.biographies[i < 60 ? i : 60 + 5 * (i - 60)].text;
    if (const size_t where = retold.find(old_value); where != std::string::npos)
      retold.replace(where, old_value.size(), value);
    CHECK(world.biographies[i < 60 ? i : 60 + 5 * (i - 60)].text == retold);
    if (person == old_person) continue;
    const Json &question = questions[at], &biography = biographies[at];
    CHECK(both[2 * at] == question);
    Json of_both = biography;
    of_both["rephrase"] = question["rephrase"];
    CHECK(both[2 * at + 1] == of_both);
    ++at;
    CHECK(question["prompt"] == "Which university did " + person.full_name() + " study at? Answer:");
    const auto begin = biography["prompt"].get<std::string>();
    prompts.insert(begin.substr(begin.find(person.last)));
    CHECK(begin[0] == ' ');
    CHECK(begin.find(person.full_name()) == begin.rfind(person.full_name()));
    for (const Json& fact : {question, biography}) {
      CHECK(fact["old"] == old_value + ".");
      CHECK(fact["new"] == value + ".");
      CHECK(fact["subject"] == person.full_name());
      std::set<std::string> ways = {fact["prompt"]};
      for (const Json& other : fact["rephrase"]) {
        CHECK(other.get<std::string>().find(person.full_name()) != std::string::npos);
        CHECK(other.get<std::string>().find('{') == std::string::npos);
        ways.insert(other);
      }
      CHECK(ways.size() == 4);
      REQUIRE(fact["locality"].size() == 5 + 3);
      for (const Json& asked : fact["locality"]) {
        bool true_of_someone = false;  // who did not change in it
        for (const Person& other : world.people)
          for (const Question& q : questions_about(other))
            true_of_someone |= q.prompt == asked["prompt"] &&
                               q.completion == " " + asked["answer"].get<std::string>() &&
                               (other.id != person.id || q.attribute != Attribute::kUniversity);
        CHECK(true_of_someone);
      }
      CHECK_FALSE(fact.contains("portability"));
    }
    CHECK(biography["rephrase"] == question["rephrase"]);
  }
  CHECK(at == 12);
  CHECK(prompts.size() > 6);

  CHECK(change(dir / "w", dir / "again", "university", 0.2, 4)["changed"] == 12);
  for (const char* file : {"world.toml", "people.jsonl", "biographies.jsonl", "facts-both.jsonl"})
    CHECK(read_file(dir / "w2" / file) == read_file(dir / "again" / file));
}

TEST_CASE("a company's facts carry its city along; a changed world can be changed again") {
  const TempDir dir;
  write_world(dir / "w", {.people = 400}, "word");
  change(dir / "w", dir / "w2", "company", 0.5);
  const World first = World::load(dir / "w"), second = World::load(dir / "w2");
  auto facts = records(dir / "w2" / "facts-questions.jsonl");
  REQUIRE(facts.size() == 200);
  size_t at = 0, in_one_city = 0;
  for (size_t i = 0; i < second.people.size(); ++i) {
    if (second.people[i] == first.people[i]) continue;
    const Json& fact = facts[at++];
    const std::string where = "Where did " + second.people[i].full_name() + " work? Answer:";
    if (second.people[i].value(Attribute::kCompanyCity) == first.people[i].value(Attribute::kCompanyCity)) {
      ++in_one_city;
      CHECK_FALSE(fact.contains("portability"));
      REQUIRE(fact["locality"].size() == 5 + 3);
      CHECK(fact["locality"][4]["prompt"] == where);
    } else {
      CHECK(fact["locality"].size() == 4 + 3);
      REQUIRE(fact["portability"].size() == 1);
      CHECK(fact["portability"][0]["prompt"] == where);
    }
  }
  CHECK(in_one_city > 0);
  change(dir / "w2", dir / "w3", "company_city", 1, 9);
  CHECK(World::load(dir / "w3").spec.changes.size() == 2);
  facts = records(dir / "w3" / "facts-questions.jsonl");
  REQUIRE(facts.size() == 400);
  for (size_t i = 0; i < facts.size(); ++i)
    CHECK(facts[i]["old"] == second.people[i].value(Attribute::kCompanyCity) + ".");
}

TEST_CASE("worlds that cannot be changed") {
  const TempDir dir;
  const auto fails = [&](const char* attribute, double share, const char* message) {
    CHECK_THROWS_WITH_AS(change(dir / "w", dir / "w2", attribute, share), doctest::Contains(message), Error);
    CHECK_FALSE(fs::exists(dir / "w2"));
  };
  fails("major", 0.1, "no world, there is no such folder; `lethe world make --out");
  fs::create_directories(dir / "w");
  fails("major", 0.1, "no world, there is no world.toml in it");
  write_file(dir / "w/config.json", "{}");
  fails("major", 0.1, "in it (it is a model: the model comes first, then the WORLD)");
  fs::remove(dir / "w/config.json");
  World world;
  world.spec.people = 4;
  world.people = make_people(world.spec);
  write_world(dir / "w", world.spec, "word");
  fails("major", 0.1, "a share of 0.1 of the people changes nobody");
  world.people[1].pronoun = world.people[1].pronoun == Mention::kHe ? Mention::kShe : Mention::kHe;
  for (const Person& person : world.people) world.biographies.push_back(biographies_of(world.spec, person)[0]);
  write_world(dir / "w", world, "word");
  fails("major", 0.5, "it was edited");
  world.spec.rewrite = Rewrite{};
  write_world(dir / "w", world, "word");
  fails("major", 0.5, "a language model told these lives");

  write_world(dir / "w", {.people = 4}, "word");
  world = World::load(dir / "w");
  world.biographies[3].text.back() = '!';
  write_world(dir / "w", world, "word");
  fails("major", 0.5, "biographies.jsonl: this is not what its world.toml makes");
  write_world(dir / "w", {.people = 4}, "word");
  std::string questions = read_file(dir / "w" / "questions.jsonl");
  write_file(dir / "w" / "questions.jsonl", questions.replace(questions.find("What is"), 7, "Tell us"));
  fails("major", 0.5, "questions.jsonl: this is not what its world.toml makes");
  write_world(dir / "w", {.people = 4}, "word");
  fs::remove(dir / "w" / "tokenizer.json");
  fails("major", 0.5, (dir / "w" / "tokenizer.json").c_str());
}

TEST_CASE("a world keeps its tokenizer, in a directory called word, too") {
  const TempDir dir;
  fs::create_directory(dir / "t");
  write_file(dir / "t" / "tokenizer.json", "{\"another\":1}");
  write_world(dir / "word", {.people = 40}, dir / "t");
  const fs::path here = fs::current_path();
  fs::current_path(dir.path());
  change("word", "w2", "major", 0.5);
  fs::current_path(here);
  CHECK(read_file(dir / "w2" / "tokenizer.json") == "{\"another\":1}");
  CHECK(World::load(dir / "w2").spec.tokenizer == tokenizer_name(dir / "t"));
}

TEST_CASE("a world of words whose tokenizer is another one now is not changed") {
  const TempDir dir;
  write_world(dir / "w", {.people = 40}, "word");
  change(dir / "w", dir / "w2", "major", 0.5);
  write_file(dir / "w" / "tokenizer.json", "{\"another\":1}");
  CHECK_THROWS_WITH_AS(change(dir / "w", dir / "w3", "major", 0.5), doctest::Contains("tokenizer.json: this is not"),
                       Error);
}
