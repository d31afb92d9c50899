#include "lethe/world/texts.h"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "lethe/base/error.h"

using namespace lethe;
using namespace lethe::world;

namespace {

struct Made {
  WorldSpec spec;
  std::vector<Person> people;
  std::vector<std::vector<Biography>> of;  // of each person
};

Made made(const char* augment, int64_t people = 300) {
  Made m;
  m.spec.people = people;
  m.spec.augment = parse_augmentation(augment);
  m.people = make_people(m.spec);
  m.of.resize(m.people.size());
  for (Biography& b : make_biographies(m.spec, m.people)) m.of[static_cast<size_t>(b.person)].push_back(std::move(b));
  return m;
}

std::vector<Attribute> order(const Biography& biography) {
  std::vector<Attribute> attributes;
  for (const Told& told : biography.attributes) attributes.push_back(told.attribute);
  return attributes;
}

int count(const std::string& text, const std::string& word) {
  int n = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
  return n;
}

// The words around the value: which template was drawn, whatever the mention.
std::string tail(const Biography& b, Attribute attribute) {
  for (const Told& told : b.attributes)
    if (told.attribute == attribute) return b.text.substr(told.end, b.text.find('.', told.end) - told.end);
  return "";
}

const std::vector<Attribute> kFixed(kAttributes.begin(), kAttributes.end());

}  // namespace

TEST_CASE("offsets are where the values stand; an entry begins with a space and has six sentences") {
  for (const char* augment : {"single", "multi5+permute+fullname", "couple2"}) {
    const Made m = made(augment);
    for (size_t p = 0; p < m.people.size(); ++p)
      for (const Biography& b : m.of[p]) {
        CHECK(b.text.starts_with(' '));
        CHECK(b.text.find("  ") == std::string::npos);
        CHECK(b.text.ends_with('.'));
        CHECK(count(b.text, ".") == 6);
        REQUIRE(b.attributes.size() == 6);
        std::set<Attribute> told;
        size_t last = 0;
        for (const auto& [attribute, start, end] : b.attributes) {
          CHECK(b.text.substr(start, end - start) == m.people[p].value(attribute));
          CHECK(start > last);
          last = end;
          told.insert(attribute);
        }
        CHECK(told.size() == 6);
      }
  }
}

TEST_CASE("the sixteen augmentations: entries, orders, templates, names") {
  struct Case {
    const char* name;
    size_t entries;
    bool redraws, permutes, full_name;
  };
  const Case cases[] = {{"single", 1, false, false, false},
                        {"single+fullname", 1, false, false, true},
                        {"single+permute1", 1, false, true, false},
                        {"single+permute2", 2, false, true, false},
                        {"single+permute5", 5, false, true, false},
                        {"single+permute1+fullname", 1, false, true, true},
                        {"single+permute2+fullname", 2, false, true, true},
                        {"single+permute5+fullname", 5, false, true, true},
                        {"multi2", 2, true, false, false},
                        {"multi5", 5, true, false, false},
                        {"multi2+permute", 2, true, true, false},
                        {"multi5+permute", 5, true, true, false},
                        {"multi2+fullname", 2, true, false, true},
                        {"multi5+fullname", 5, true, false, true},
                        {"multi2+permute+fullname", 2, true, true, true},
                        {"multi5+permute+fullname", 5, true, true, true}};
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const Made m = made(c.name);
    CHECK(augmentation_name(m.spec.augment) == c.name);
    std::map<std::vector<Attribute>, int> orders;
    int redrawn = 0, compared = 0;
    for (size_t p = 0; p < m.people.size(); ++p) {
      REQUIRE(m.of[p].size() == c.entries);
      for (const Biography& b : m.of[p]) {
        ++orders[order(b)];
        CHECK(count(b.text, m.people[p].full_name()) == (c.full_name ? 6 : 1));
        // Without it, the name is in whichever sentence comes first.
        CHECK(b.text.find(m.people[p].full_name()) < b.text.find('.'));
        for (const Attribute attribute : kAttributes) {
          redrawn += tail(b, attribute) != tail(m.of[p][0], attribute);
          compared += &b != &m.of[p][0];
        }
      }
    }
    if (c.permutes)
      CHECK(orders.size() > 200);  // of 720
    else
      CHECK(orders == std::map<std::vector<Attribute>, int>{{kFixed, static_cast<int>(300 * c.entries)}});
    if (!c.redraws) CHECK(redrawn == 0);
    if (c.redraws) CHECK(redrawn > compared / 20);
  }
}

TEST_CASE("couples: the second of a pair follows the first, in all six orders of the pairs") {
  for (const size_t entries : {1, 2, 5}) {
    const Made m = made(("couple" + std::to_string(entries)).c_str());
    std::map<std::vector<Attribute>, int> orders;
    for (const auto& biographies : m.of) {
      REQUIRE(biographies.size() == entries);
      for (const Biography& b : biographies) {
        const auto told = order(b);
        ++orders[told];
        for (size_t i = 0; i < 6; i += 2) {
          CHECK(static_cast<int>(told[i]) % 2 == 0);
          CHECK(static_cast<int>(told[i + 1]) == static_cast<int>(told[i]) + 1);
        }
      }
    }
    CHECK(orders.size() == 6);
    for (const auto& [order, n] : orders) CHECK(n > static_cast<int>(300 * entries) / 12);
  }
}

TEST_CASE("celebrities are told in their own way") {
  WorldSpec spec{.people = 20, .celebrities = 10};
  std::map<int64_t, int> entries;
  for (const Biography& b : make_biographies(spec, make_people(spec))) ++entries[b.person];
  for (const auto& [person, n] : entries) CHECK(n == (person < 20 ? 1 : 5));
}

TEST_CASE("questions: six a person, and each says in which half its person is") {
  const auto people = make_people({.people = 100, .celebrities = 5});
  const auto questions = make_questions(people);
  REQUIRE(questions.size() == 630);
  for (size_t i = 0; i < questions.size(); ++i) {
    const Question& q = questions[i];
    const Person& person = people[static_cast<size_t>(q.person)];
    CHECK(q.person == static_cast<int64_t>(i / 6));
    CHECK(q.split == person.split);
    CHECK(count(q.prompt, person.full_name()) == 1);
    CHECK(q.prompt.ends_with("? Answer:"));
    CHECK(q.completion == " " + person.value(q.attribute) + ".");
  }
}

TEST_CASE("other words for --augment") {
  for (const char* wrong : {"", "multi3", "single+permute3", "permute", "Single", "multi5+fullname+permute", "couple3"})
    CHECK_THROWS_WITH_AS(parse_augmentation(wrong), doctest::Contains("expected one of single, single+permute1"),
                         UsageError);
}

TEST_CASE("world.toml reads back; errors name the line, the key and what was expected") {
  WorldSpec spec{.people = 12, .celebrities = 3, .seed = 9, .augment = parse_augmentation("couple5")};
  CHECK(WorldSpec::from_toml(spec.toml(), "w") == spec);
  const auto wrong = [](const char* text, const char* message) {
    CHECK_THROWS_WITH_AS(WorldSpec::from_toml(text, "w.toml"), doctest::Contains(message), Error);
  };
  wrong("people = 1\nsize = 3\n", "w.toml:2: size: no key of a world; expected people, seed");
  wrong("people = 0\n", "w.toml:1: people: expected an integer, 1 or more");
  wrong("augment = \"many\"\n", "w.toml:1: augment: 'many' is no augmentation, expected one of single");
  wrong("people = \"a\n", "w.toml:1: this is not TOML");
}
