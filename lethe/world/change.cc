#include "lethe/world/change.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "lethe/base/error.h"
#include "lethe/world/records.h"
#include "lethe/world/texts.h"
#include "lethe/world/world_files.h"

namespace lethe::world {
namespace {

constexpr size_t kRephrasings = 3, kOthers = 3;  // other beginnings of a fact, and other people asked about

// What changed along with an attribute: many companies sit in one city.
std::optional<Attribute> companion(const Person& before, const Person& after, Attribute attribute) {
  if (attribute != Attribute::kCompany && attribute != Attribute::kCompanyCity) return std::nullopt;
  const Attribute other = attribute == Attribute::kCompany ? Attribute::kCompanyCity : Attribute::kCompany;
  return before.value(other) == after.value(other) ? std::nullopt : std::optional(other);
}

std::string answer(const Person& person, Attribute attribute) { return person.value(attribute) + "."; }

// " Gerald Pierce Arnwick graduated from": sentences that end with the value, cut before it, in an order drawn.
std::vector<std::string> beginnings(const Person& person, Attribute attribute, Random& random) {
  std::vector<std::string> texts;
  for (const std::string_view sentence : sentences(attribute)) {
    constexpr std::string_view kEnd = " {value}.";
    if (!sentence.ends_with(kEnd)) continue;
    const std::string_view begin = sentence.substr(0, sentence.size() - kEnd.size());
    texts.push_back(" " + fill(begin, Mention{person.full_name(), person.pronoun, true}, ""));
  }
  random.shuffle(texts);
  return texts;
}

OrderedJson asked(const Person& person, Attribute attribute) {
  return {{"prompt", question_prompt(attribute, person.full_name())}, {"answer", answer(person, attribute)}};
}

struct Facts {
  std::string questions, biographies, both;  // JSON lines
};

// The facts about one person who changed. `others`: of whom some are asked about, too.
void add_facts(Facts& facts, const Person& before, const Person& after, Attribute attribute,
               const std::vector<const Person*>& others, Random& random) {
  const std::string question = question_prompt(attribute, after.full_name());
  const std::vector<std::string> told = beginnings(after, attribute, random);
  const auto along = companion(before, after, attribute);
  OrderedJson locality = OrderedJson::array(), portability = OrderedJson::array();
  for (const Attribute other : kAttributes)
    if (other != attribute && other != along) locality.push_back(asked(after, other));
  const size_t first = others.empty() ? 0 : random.below(others.size());
  for (size_t i = 0; i < std::min(kOthers, others.size()); ++i)
    locality.push_back(asked(*others[(first + i) % others.size()], attribute));
  if (along) portability.push_back(asked(after, *along));
  const auto record = [&](const std::string& prompt, std::vector<std::string> rephrasings) {
    OrderedJson json{{"prompt", prompt},
                     {"old", answer(before, attribute)},
                     {"new", answer(after, attribute)},
                     {"subject", after.full_name()},
                     {"rephrase", std::move(rephrasings)},
                     {"locality", locality}};
    if (!portability.empty()) json["portability"] = portability;
    return json.dump() + "\n";
  };
  const std::vector<std::string> others_told(told.begin() + 1, told.begin() + 1 + kRephrasings);
  const std::string by_question = record(question, others_told), by_biography = record(told[0], others_told);
  facts.questions += by_question;
  facts.biographies += by_biography;
  facts.both += by_question + by_biography;
}

// `stream`: in the names of its random streams.
void apply_change(const Change& change, const std::string& stream, std::vector<Person>& people) {
  Random halves(change.seed, "world/change/" + stream);
  size_t changed = 0;
  for (const Split half : {Split::kTrain, Split::kTest}) {
    std::vector<Person*> those;
    for (Person& person : people)
      if (person.split == half) those.push_back(&person);
    halves.shuffle(those);
    those.resize(static_cast<size_t>(std::llround(change.share * static_cast<double>(those.size()))));
    changed += those.size();
    for (Person* person : those) {
      Random random(change.seed, "world/change/person/" + stream, static_cast<uint64_t>(person->id));
      const std::string old = person->value(change.attribute);
      while (person->value(change.attribute) == old) draw_value(*person, change.attribute, random);
    }
  }
  check(changed > 0, "changing the {} of a share of {} of the people changes nobody: the world is too small",
        attribute_name(change.attribute), change.share);
}

}  // namespace

void apply_changes(const std::vector<Change>& changes, std::vector<Person>& people) {
  for (auto change = changes.begin(); change != changes.end(); ++change) {
    const auto before = std::count_if(changes.begin(), change, [&](const Change& other) {
      return other.attribute == change->attribute && other.seed == change->seed;
    });
    std::string stream(attribute_name(change->attribute));
    if (before > 0) stream += fmt::format("/{}", before);  // of other people than the changes before it
    apply_change(*change, stream, people);
  }
}

void ChangeConfig::add_to(Options& options) {
  options.add("world", world, "the WORLD to change").positional().required().placeholder("WORLD");
  options.add("out", out, "the WORLD to write, with the facts that changed").required().placeholder("WORLD2");
  options.group("Change");
  options.add("attribute", attribute, "what changes; a company takes its city along")
      .one_of({attribute_names().begin(), attribute_names().end()});
  options.add("share", share, "of each half of the people").above(0).at_most(1);
  options.add("overwrite", overwrite, "replace the world in --out, where there is one").flag().not_resolved();
}

OrderedJson change_world(const ChangeConfig& config, uint64_t seed) {
  check_out(config.out, OutKind::kWorld, config.overwrite);
  check_not_read(config.out, config.world);
  const World source = World::load(config.world);
  check(!source.spec.rewrite,
        "{}: a language model told these lives, and their texts cannot be made anew; change the world it was made "
        "from, then let the model retell that",
        config.world.string());
  check_not_edited(source);
  const fs::path tokenizer = fs::absolute(config.world);  // never the word "word"
  check(fs::exists(tokenizer / "tokenizer.json"), "{}: no such file, and a world has one",
        (config.world / "tokenizer.json").string());
  check(tokenizer_name(tokenizer) == source.spec.tokenizer,
        "{}: this is not the tokenizer that world.toml names: it was edited, or another version made it",
        (config.world / "tokenizer.json").string());
  const Change change{find_attribute(config.attribute).value(), config.share, seed};
  WorldSpec spec = source.spec;
  spec.changes.push_back(change);
  const std::vector<Person> people = make_people(spec);

  std::vector<const Person*> unchanged;
  for (size_t i = 0; i < people.size(); ++i)
    if (people[i] == source.people[i] && people[i].split != Split::kCelebrity) unchanged.push_back(&people[i]);
  Facts facts;
  size_t changed = 0;
  for (size_t i = 0; i < people.size(); ++i) {
    if (people[i] == source.people[i]) continue;
    ++changed;
    Random random(seed, "world/change/facts", i);
    add_facts(facts, source.people[i], people[i], change.attribute, unchanged, random);
  }
  write_world(config.out, spec, people, tokenizer,
              {{kFactsFiles[0], facts.questions}, {kFactsFiles[1], facts.biographies}, {kFactsFiles[2], facts.both}});
  return {{"attribute", config.attribute}, {"share", config.share}, {"changed", changed}, {"out", config.out.string()}};
}

}  // namespace lethe::world
