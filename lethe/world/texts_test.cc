#include "lethe/world/texts.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
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
  for (size_t i = 0; i < m.people.size(); ++i) m.of[i] = biographies_of(m.spec, m.people[i]);
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

// What each template would say of a person, whether or not his name is in it.
std::map<std::string, std::string_view> filled(const Person& person) {
  std::map<std::string, std::string_view> templates;
  for (const Attribute attribute : kAttributes)
    for (const std::string_view sentence : sentences(attribute))
      for (const bool full_name : {false, true})
        templates[fill(sentence, Mention{person.full_name(), person.pronoun, full_name}, person.value(attribute))] =
            sentence;
  return templates;
}

// Which template tells the attribute.
std::string_view template_of(const Biography& b, const std::map<std::string, std::string_view>& templates,
                             Attribute attribute) {
  const auto told = std::ranges::find(b.attributes, attribute, &Told::attribute);
  const size_t end = b.text.rfind('.', told->start), begin = end == std::string::npos ? 1 : end + 2;
  const auto found = templates.find(b.text.substr(begin, b.text.find('.', told->end) + 1 - begin));
  REQUIRE(found != templates.end());
  return found->second;
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
    std::set<std::string_view> drawn;
    for (size_t p = 0; p < m.people.size(); ++p) {
      REQUIRE(m.of[p].size() == c.entries);
      const auto templates = p < 60 ? filled(m.people[p]) : std::map<std::string, std::string_view>{};
      for (const Biography& b : m.of[p]) {
        ++orders[order(b)];
        CHECK(count(b.text, m.people[p].full_name()) == (c.full_name ? 6 : 1));
        // Without it, the name is in whichever sentence comes first.
        CHECK(b.text.find(m.people[p].full_name()) < b.text.find('.'));
        if (p >= 60) continue;
        for (const Attribute attribute : kAttributes) {
          const std::string_view sentence = template_of(b, templates, attribute);
          redrawn += sentence != template_of(m.of[p][0], templates, attribute);
          compared += &b != &m.of[p][0];
          drawn.insert(sentence);
        }
      }
    }
    if (c.permutes)
      CHECK(orders.size() > 200);  // of 720
    else
      CHECK(orders == std::map<std::vector<Attribute>, int>{{kFixed, static_cast<int>(300 * c.entries)}});
    CHECK(drawn.size() > 180);  // of 291, by 60 people
    if (!c.redraws) CHECK(redrawn == 0);
    if (c.redraws) CHECK(redrawn > compared * 9 / 10);  // one in 50 is drawn twice
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
  const WorldSpec spec{.people = 20, .celebrities = 10};
  for (const Person& person : make_people(spec)) {
    const bool celebrity = person.id >= 20;
    CHECK(biographies_of(spec, person).size() == (celebrity ? 5 : 1));
    CHECK(spec.entries(celebrity) == (celebrity ? 5 : 1));
  }
}

TEST_CASE("single and its permutations tell the same sentences, and the first of multi is single's") {
  const Made single = made("single", 50), permuted = made("single+permute5", 50), multi = made("multi2", 50);
  for (size_t p = 0; p < 50; ++p) {
    const auto templates = filled(single.people[p]);
    for (const Attribute attribute : kAttributes)
      CHECK(template_of(single.of[p][0], templates, attribute) == template_of(permuted.of[p][4], templates, attribute));
    CHECK(single.of[p][0].text == multi.of[p][0].text);
  }
}

TEST_CASE("templates and orders are uniform") {
  const Made m = made("multi5+permute", 2000);
  std::map<Attribute, std::map<std::string_view, double>> templates;
  std::map<std::vector<Attribute>, double> orders;
  for (size_t p = 0; p < m.people.size(); ++p)
    for (const Biography& b : m.of[p]) ++orders[order(b)];
  for (size_t p = 0; p < 200; ++p) {
    const auto filled_in = filled(m.people[p]);
    for (const Biography& b : m.of[p])
      for (const Attribute attribute : kAttributes) ++templates[attribute][template_of(b, filled_in, attribute)];
  }
  // Pearson's statistic, in standard deviations from its mean.
  const auto excess = [](const auto& counts, double cells, double total) {
    double sum = (cells - static_cast<double>(counts.size())) * total / cells;
    for (const auto& [key, n] : counts) sum += (n - total / cells) * (n - total / cells) / (total / cells);
    return std::abs(sum - (cells - 1)) / std::sqrt(2 * (cells - 1));
  };
  for (const Attribute attribute : kAttributes) {
    CAPTURE(attribute_name(attribute));
    CHECK(excess(templates[attribute], static_cast<double>(sentences(attribute).size()), 200 * 5) < 5);
  }
  CHECK(excess(orders, 720, 2000 * 5) < 5);
}

TEST_CASE("a plain biography: six sentences in the fixed order") {
  for (const Person& person : make_people({.people = 30})) {
    for (const bool full_name : {false, true}) {
      Random random(1, "plain", static_cast<uint64_t>(person.id)), same(1, "plain", static_cast<uint64_t>(person.id));
      const Biography b = plain_biography(person, full_name, random);
      CHECK(b == plain_biography(person, full_name, same));
      CHECK(b != plain_biography(person, full_name, random));
      CHECK(b.person == person.id);
      CHECK(order(b) == kFixed);
      CHECK(count(b.text, person.full_name()) == (full_name ? 6 : 1));
      for (const auto& [attribute, start, end] : b.attributes)
        CHECK(b.text.substr(start, end - start) == person.value(attribute));
    }
  }
}

TEST_CASE("questions: six a person, and each says in which half its person is") {
  for (const Person& person : make_people({.people = 100, .celebrities = 5})) {
    const auto questions = questions_about(person);
    REQUIRE(questions.size() == 6);
    for (size_t i = 0; i < questions.size(); ++i) {
      const Question& q = questions[i];
      CHECK(q.person == person.id);
      CHECK(q.attribute == kAttributes[i]);
      CHECK(q.split == person.split);
      CHECK(count(q.prompt, person.full_name()) == 1);
      CHECK(q.prompt.ends_with("? Answer:"));
      CHECK(q.completion == " " + person.value(q.attribute) + ".");
    }
  }
}

TEST_CASE("other words for --augment") {
  for (const char* wrong : {"", "multi3", "single+permute3", "permute", "Single", "multi5+fullname+permute", "couple3"})
    CHECK_THROWS_WITH_AS(parse_augmentation(wrong), doctest::Contains("expected one of single, single+permute1"),
                         UsageError);
}

TEST_CASE("world.toml reads back; errors name the line, the key, its value and what was expected") {
  WorldSpec spec{.people = 12, .celebrities = 3, .seed = 9, .augment = parse_augmentation("couple5")};
  CHECK(WorldSpec::from_toml(spec.toml(), "w") == spec);
  spec.changes = {{Attribute::kCompany, 0.25, 3}, {Attribute::kMajor, 1, 4}};
  spec.rewrite = Rewrite{"a \"model\"", 3, 5, true, 8};
  CHECK(spec.toml().find("tokenizer") == std::string::npos);
  spec.tokenizer = "0123456789abcdef";
  CHECK(WorldSpec::from_toml(spec.toml(), "w") == spec);
  const auto wrong = [](const char* text, const char* message) {
    CHECK_THROWS_WITH_AS(WorldSpec::from_toml(text, "w.toml"), doctest::Contains(message), Error);
    try {
      WorldSpec::from_toml(text, "w.toml");
    } catch (const UsageError&) {
      FAIL_CHECK(text << " is no mistake of who typed a command");
    } catch (const Error&) {
    }
  };
  wrong("people = 1\nsize = 3\n", "w.toml:2: size: there is no such key; expected augment, celebrities");
  wrong("people = 0\n", "w.toml:1: people: 0 is not a whole number from 1 to 160000000");
  wrong("people = 1.5\n", "w.toml:1: people: 1.5 is not a whole number");
  wrong("people = 9\n\ncelebrities = 159999992\n", "w.toml:3: celebrities: 159999992 is not a whole number from 0 to");
  wrong("seed = -1\n", "w.toml:1: seed: -1 is not a whole number of at least 0");
  wrong("tokenizer = 5\n", "w.toml:1: tokenizer: 5 is not a text");
  wrong("augment = \"many\"\n", "w.toml:1: augment: 'many' is no augmentation, expected one of single");
  wrong("people = \"a\n", "w.toml:1: this is not TOML");
  wrong("people = 9\n[[change]]\nattribute = \"name\"\n",
        "w.toml:3: change.attribute: 'name' is no attribute, expected one of birth");
  wrong("people = 9\n[[change]]\nshare = 0\n", "w.toml:3: change.share: 0 is not a number above 0, 1 at most");
  wrong("people = 9\n[[change]]\nshare = nan\n", "w.toml:3: change.share: nan is not a number");
  wrong("change = 3\n", "w.toml:1: change: 3 is not a list of tables, [[change]]");
  wrong("[[rewrite]]\nversions = 1\n[[rewrite]]\nversions = 2\n",
        "w.toml:1: rewrite: a list of tables is not a table, [rewrite]");
  wrong("[rewrite]\nversions = 0\n", "w.toml:2: rewrite.versions: 0 is not a whole number of at least 1");
  wrong("[rewrite]\nfullname = 1\n", "w.toml:2: rewrite.fullname: 1 is not true or false");
  wrong("[rewrite]\ntemperature = 1\n", "w.toml:2: rewrite.temperature: there is no such key; expected celebrity-");
}
