#include "lethe/world/sentences.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "lethe/base/error.h"

using namespace lethe::world;

namespace {

const std::string kName = "Ada Wren Oakwood";

std::vector<Mention> all_mentions() {
  std::vector<Mention> mentions;
  for (const auto pronoun : {Mention::kHe, Mention::kShe, Mention::kThey})
    for (const bool full_name : {true, false}) mentions.push_back({kName, pronoun, full_name});
  return mentions;
}

std::vector<std::string> slots_of(std::string_view sentence) {
  std::vector<std::string> slots;
  for (size_t open; (open = sentence.find('{')) != std::string_view::npos;) {
    const size_t close = sentence.find('}', open);
    REQUIRE(close != std::string_view::npos);
    slots.emplace_back(sentence.substr(open + 1, close - open - 1));
    sentence.remove_prefix(close + 1);
  }
  return slots;
}

bool names_the_person(const std::string& slot) { return slot == "subject" || slot == "possessive"; }

size_t occurrences(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++count;
  return count;
}

}  // namespace

TEST_CASE("templates: as many as the paper has, all different, the value mostly at the end") {
  const size_t expected[] = {46, 49, 49, 52, 47, 48};
  std::set<std::string_view> different;
  for (Attribute attribute : kAttributes) {
    CAPTURE(attribute_name(attribute));
    const auto all = sentences(attribute);
    CHECK(all.size() == expected[static_cast<size_t>(attribute)]);
    different.insert(all.begin(), all.end());
    const auto value_inside =
        std::count_if(all.begin(), all.end(), [](std::string_view s) { return !s.ends_with("{value}."); });
    CHECK(value_inside >= 3);
    CHECK(value_inside <= 8);
  }
  CHECK(different.size() == 46 + 49 + 49 + 52 + 47 + 48);
}

TEST_CASE("a template names its person once, before any pronoun, and its value once") {
  const std::set<std::string> known = {"value", "subject", "possessive", "was", "they", "their"};
  for (Attribute attribute : kAttributes)
    for (std::string_view sentence : sentences(attribute)) {
      CAPTURE(sentence);
      const std::vector<std::string> slots = slots_of(sentence);
      for (const std::string& slot : slots) CHECK(known.count(slot) == 1);
      CHECK(std::count(slots.begin(), slots.end(), "value") == 1);
      CHECK(std::count_if(slots.begin(), slots.end(), names_the_person) == 1);
      const auto person = std::find_if(slots.begin(), slots.end(), names_the_person);
      CHECK(std::find_if(slots.begin(), person, [](const auto& s) { return s != "value"; }) == person);
      // The verb agrees with the subject, so it follows it.
      CHECK(occurrences(std::string(sentence), "{was}") == occurrences(std::string(sentence), "{subject} {was}"));
      CHECK(std::count(sentence.begin(), sentence.end(), '.') == 1);
      CHECK(sentence.back() == '.');
      CHECK(sentence.find("  ") == std::string_view::npos);
      CHECK(std::all_of(sentence.begin(), sentence.end(), [](char c) { return c >= ' ' && c <= '~'; }));
    }
}

TEST_CASE("every template fills for every person, and says where the value is") {
  const std::string value = "Zyx Wvut";
  for (const Mention& mention : all_mentions())
    for (Attribute attribute : kAttributes) {
      std::set<std::string> texts;
      for (std::string_view sentence : sentences(attribute)) {
        CAPTURE(sentence);
        size_t begin = 0;
        const std::string text = fill(sentence, mention, value, &begin);
        CHECK(text.find_first_of("{}") == std::string::npos);
        CHECK(text.substr(begin, value.size()) == value);
        CHECK(occurrences(text, value) == 1);
        CHECK(occurrences(text, kName) == (mention.full_name ? 1 : 0));
        CHECK(text[0] >= 'A');
        CHECK(text[0] <= 'Z');
        texts.insert(text);
      }
      CHECK(texts.size() == sentences(attribute).size());
    }
}

TEST_CASE("slots follow the person, the place in the sentence and the verb") {
  const Mention name_he{kName, Mention::kHe, true}, he{kName, Mention::kHe, false}, she{kName, Mention::kShe, false},
      they{kName, Mention::kThey, false}, name_they{kName, Mention::kThey, true};
  CHECK(fill("{subject} {was} born in {value}.", name_they, "Reno, NV") == "Ada Wren Oakwood was born in Reno, NV.");
  CHECK(fill("{subject} {was} born in {value}.", they, "Reno, NV") == "They were born in Reno, NV.");
  CHECK(fill("On {value}, {subject} {was} born.", she, "May 1, 1990") == "On May 1, 1990, she was born.");
  CHECK(fill("On {value}, {possessive} life began.", name_he, "May 1, 1990") ==
        "On May 1, 1990, Ada Wren Oakwood's life began.");
  CHECK(fill("{possessive} friends at {value} liked {their} cat.", he, "X") == "His friends at X liked his cat.");
  CHECK(fill("{possessive} friends at {value} liked {their} cat.", name_they, "X") ==
        "Ada Wren Oakwood's friends at X liked their cat.");
  CHECK(fill("{subject} said that {they} liked {value}.", name_he, "{was}") ==
        "Ada Wren Oakwood said that he liked {was}.");
}

TEST_CASE("questions ask for one attribute each") {
  std::string text, other;
  for (Attribute attribute : kAttributes) {
    text += fill(question(attribute), {"Ada", Mention::kShe, true}, "") + "\n";
    other += fill(question(attribute, Wording::kOther), {"Ada", Mention::kShe, true}, "") + "\n";
  }
  CHECK(text ==
        "What is the birth date of Ada?\nWhat is the birth city of Ada?\nWhich university did Ada study at?\n"
        "What major did Ada study?\nWhich company did Ada work for?\nWhere did Ada work?\n");
  CHECK(other ==
        "Which day was Ada born on?\nWhere was Ada born?\nWhat university did Ada graduate from?\n"
        "Which subject did Ada major in?\nWhich firm employed Ada?\nWhich city did Ada work in?\n");
}

TEST_CASE("a slot that is unknown or not closed is an error") {
  const Mention ada{"Ada", Mention::kShe, true};
  CHECK_THROWS_WITH_AS(fill("{subject} saw {city}.", ada, "X"), doctest::Contains("no slot \"{city}\""), lethe::Error);
  CHECK_THROWS_WITH_AS(fill("{subject} saw {value", ada, "X"), doctest::Contains("the slot at byte 14 has no '}'"),
                       lethe::Error);
}
