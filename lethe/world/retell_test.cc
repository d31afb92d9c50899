#include "lethe/world/retell.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace lethe;
using namespace lethe::world;

namespace {

Person ada() {
  Person person;
  person.id = 3;
  person.first = "Ada";
  person.middle = "Wren";
  person.last = "Oakwood";
  person.pronoun = Mention::kShe;
  person.values = {"October 2, 1996", "Reno, NV", "Duke University", "Music", "Russet Foods", "New York, NY"};
  return person;
}

const std::string kGood =
    "Ada Wren Oakwood was born on October 2, 1996 in Reno, NV. She studied Music at Duke University. Later she moved "
    "to "
    "New York, NY, where she worked for Russet Foods.";

std::string wrong(std::string text, const std::string& from, const std::string& to) {
  text.replace(text.find(from), from.size(), to);
  return retold(ada(), text, false).wrong;
}

void check_places(const Person& person, const Biography& biography) {
  CHECK(biography.attributes.size() == 6);
  size_t last = 0;
  std::set<Attribute> all;
  for (const auto& [attribute, start, end] : biography.attributes) {
    CHECK(start >= last);
    last = end;
    CHECK(biography.text.substr(start, end - start) == person.value(attribute));
    all.insert(attribute);
  }
  CHECK(all.size() == 6);
}

// What the facts of a question say, in their order, without the values.
std::vector<std::string> verbs_of(const std::string& question) {
  std::vector<std::string> verbs;
  for (const char* verb : {"was born on", "was born in", "studied at", "majored in", "worked for", "worked in"})
    if (question.find(verb) != std::string::npos) verbs.emplace_back(verb);
  std::ranges::sort(verbs, {}, [&](const std::string& verb) { return question.find(verb); });
  return verbs;
}

}  // namespace

TEST_CASE("a request: the facts of invented lives, their telling, and the person's facts in the same order") {
  std::set<std::string> ways;
  for (uint64_t i = 0; i < 200; ++i) {
    Random random(1, "request", i);
    const RetellRequest request = retell_request(ada(), random);
    for (const Attribute attribute : kAttributes)
      CHECK(request.question.find(ada().value(attribute)) != std::string::npos);
    const std::vector<std::string> order = verbs_of(request.question);
    CHECK(order.size() == 6);
    CHECK(request.examples.size() == 3);
    ways.insert(request.examples[0].answer);
    std::set<std::string> answers;
    for (const auto& [asked, answer] : request.examples) {
      answers.insert(answer);
      CHECK(answer.find_first_of("{}") == std::string::npos);
      for (const char* other :
           {" he ", " they ", " his ", " their ", "He ", "They ", "Their "})  // she has her pronouns
        CHECK(answer.find(other) == std::string::npos);
      for (const Attribute attribute : kAttributes) CHECK(asked.find(ada().value(attribute)) == std::string::npos);
      CHECK(verbs_of(asked) == order);
      // The answer tells the facts in the order of its question.
      const std::string question = asked + "\n";
      std::vector<size_t> places;
      for (size_t line = question.find('\n') + 1; line < question.size(); line = question.find('\n', line) + 1) {
        const std::string fact = question.substr(line, question.find(".\n", line) - line);
        size_t value = fact.size();  // of which the value is the last words that the answer has, too
        for (size_t at = 0; at < fact.size(); ++at)
          if (fact[at] == ' ' && answer.find(fact.substr(at + 1)) != std::string::npos && value == fact.size())
            value = at + 1;
        REQUIRE(value < fact.size());
        places.push_back(answer.find(fact.substr(value)));
      }
      CHECK(places.size() == 6);
      CHECK(std::is_sorted(places.begin(), places.end()));
    }
    CHECK(answers.size() == 3);
  }
  CHECK(ways.size() == 10);
  for (const Person& person : make_people({.people = 300})) {
    Random random(2, "request", static_cast<uint64_t>(person.id));
    CHECK(retold(person, retell_request(person, random).examples[0].answer, false).wrong == "name");
  }
}

TEST_CASE("an answer that tells all six facts is taken, with the places of the values") {
  const Retold answer = retold(ada(), kGood, false);
  CHECK(answer.wrong == "");
  CHECK(answer.biography.person == 3);
  CHECK(answer.biography.text == " " + kGood);
  check_places(ada(), answer.biography);
  CHECK(answer.biography.attributes[0].attribute == Attribute::kBirthDate);
  CHECK(retold(ada(), "\n " + kGood + "\n\n", false).biography.text == " " + kGood);
}

TEST_CASE("answers that are not taken, and why") {
  CHECK(wrong(kGood, "Foods.", "Foods") == "unfinished");
  CHECK(retold(ada(), "", false).wrong == "unfinished");
  CHECK(retold(ada(), "Ada Wren Oakwood was a singer.", false).wrong == "unfinished");
  CHECK(wrong(kGood, "Ada Wren Oakwood", "Ada Oakwood") == "name");
  CHECK(wrong(kGood, "1996", "1997") == "birth_date");
  CHECK(wrong(kGood, "October 2,", "October 2") == "birth_date");
  CHECK(wrong(kGood, "Reno, NV", "Reno, Nevada") == "birth_city");
  CHECK(wrong(kGood, "Duke University", "Duke") == "university");
  CHECK(wrong(kGood, "Music", "Musicology") == "major");
  CHECK(wrong(kGood, "Music", "music") == "major");
  for (const char* other : {"(Music)", "Music-related", "'Music'", "Folk-Music", "Music;"})
    CHECK(wrong(kGood, "Music", other) == "major");
  CHECK(wrong(kGood, "Russet Foods", "Russet") == "company");
  CHECK(wrong(kGood, "New York, NY", "New York") == "company_city");
  CHECK(retold(
            ada(),
            "Ada Wren Oakwood was born on October 2, 1996 in New York, NY. She studied Music at Duke University. Later "
            "she moved to Reno, NV, where she worked for Russet Foods.",
            false)
            .wrong == "mixed up");
  // "live" in delivered is no work, "raised" in praised no birth; an initial ends no sentence.
  CHECK(wrong(kGood, " in Reno", " and delivered in Reno") == "");
  CHECK(wrong(kGood, "moved", "was praised and moved") == "");
  CHECK(wrong(kGood, " in Reno", ", the year of Henry T. Ford, in Reno") == "");
  CHECK(wrong(kGood, "Later she moved", "Raised elsewhere, later she moved") == "mixed up");
  std::string text = kGood;
  CHECK(wrong(kGood, "Later", "Laura Jean Whitfield knew her. Later") == "example");
  for (int i = 0; i < 40; ++i) text += " And so on.";
  CHECK(retold(ada(), text, false).wrong == "unfinished");
}

TEST_CASE("two cities of one name are two places, in a life that is born and works there") {
  Person person = ada();
  person.value(Attribute::kBirthCity) = "New York, NY";
  const Retold answer =
      retold(person,
             "Ada Wren Oakwood was born in New York, NY on October 2, 1996. She worked for Russet Foods in "
             "New York, NY, and she had majored in Music at Duke University.",
             false);
  CHECK(answer.wrong == "");
  check_places(person, answer.biography);
  CHECK(answer.biography.attributes[0].attribute == Attribute::kBirthCity);
  CHECK(wrong(kGood, "Reno, NV", "New York, NY") == "mixed up");

  const Retold work_first =
      retold(person,
             "Ada Wren Oakwood worked for Russet Foods in New York, NY. Born on October 2, 1996 in New York, NY, she "
             "had majored in Music at Duke University.",
             false);
  CHECK(work_first.wrong == "");
  check_places(person, work_first.biography);
  CHECK(work_first.biography.attributes[1].attribute == Attribute::kCompanyCity);
  CHECK(work_first.biography.attributes[3].attribute == Attribute::kBirthCity);
}

TEST_CASE("quotes, spaces and lines become plain") {
  const Retold answer =
      retold(ada(),
             "Ada Wren Oakwood\u2019s life began on October 2, 1996 , in Reno, NV .\n\nShe  studied one\u2009thing : "
             "\u201cMusic\u201d at \"Duke\u00a0University\" . Why ? Later she\u3000moved to New York, NY\v\u202ffor "
             "Russet Foods.",
             false);
  CHECK(answer.wrong == "");
  CHECK(answer.biography.text ==
        " Ada Wren Oakwood's life began on October 2, 1996, in Reno, NV. She studied one thing: Music at Duke "
        "University. Why? Later she moved to New York, NY for Russet Foods.");
}

TEST_CASE("full names: each sentence about the person says it, once") {
  CHECK(retold(ada(), kGood, true).biography.text ==
        " Ada Wren Oakwood was born on October 2, 1996 in Reno, NV. Ada Wren Oakwood studied Music at Duke University. "
        "Later Ada Wren Oakwood moved to New York, NY, where she worked for Russet Foods.");
  Person they = ada();
  they.pronoun = Mention::kThey;
  const Retold answer =
      retold(they,
             "Ada studied Music at Duke University. They were born in Reno, NV on October 2, 1996. Their job at "
             "Russet Foods was in New York, NY. The city was large.",
             true);
  CHECK(answer.wrong == "");
  CHECK(answer.biography.text ==
        " Ada Wren Oakwood studied Music at Duke University. Ada Wren Oakwood was born in Reno, NV on October 2, 1996. "
        "Ada "
        "Wren Oakwood's job at Russet Foods was in New York, NY. The city was large.");
  check_places(they, answer.biography);
}

TEST_CASE("full names: whatever the pronoun, and not a possessive where her is an object") {
  const auto told = [](const std::string& text) { return retold(ada(), text, true).biography.text; };
  const std::string name = "Ada Wren Oakwood";
  for (const char* pronoun : {"He", "She", "They"}) {
    const std::string they = pronoun;
    CHECK(told(they + " studied Music.") == " " + name + " studied Music.");
  }
  for (const char* pronoun : {"his", "her", "their"}) {
    const std::string their = pronoun;
    CHECK(told("In Reno, NV, " + their + " life began.") == " In Reno, NV, " + name + "'s life began.");
  }
  CHECK(told("They have studied. They are here. They've gone. They're there. They were. They went.") ==
        " " + name + " has studied. " + name + " is here. " + name + " has gone. " + name + " is there. " + name +
            " was. " + name + " went.");
  CHECK(told("A job brought her to Reno. A job brought him to Reno. Duke knew her. Later, in Reno, Duke met her, too. "
             "Music took her from Reno. Duke gave her a job. Reno kept her tomb.") ==
        " A job brought " + name + " to Reno. A job brought " + name + " to Reno. Duke knew " + name +
            ". Later, in Reno, Duke met " + name + ", too. Music took " + name + " from Reno. Duke gave " + name +
            " a job. Reno kept " + name + "'s tomb.");
  Person june = ada();
  june.first = "June";
  june.value(Attribute::kBirthDate) = "June 2, 1996";
  CHECK(retold(june, "Born on June 2, 1996, June was in Reno.", true).biography.text ==
        " Born on June 2, 1996, June Wren Oakwood was in Reno.");
}

TEST_CASE("full names: any part of the name, the longest that is there, and an initial ends no sentence") {
  Person roxanne = ada();
  roxanne.first = "Roxanne";
  roxanne.middle = "Lane";
  roxanne.last = "Brackbury";
  const auto told = [&](const std::string& text) { return retold(roxanne, text, true).biography.text; };
  const std::string name = "Roxanne Lane Brackbury";
  for (const char* part : {"Roxanne", "Brackbury", "Roxanne Brackbury", "Roxanne Lane", "Lane Brackbury", "Roxanne L.",
                           "Roxanne L", "Roxanne L. Brackbury", "Roxanne L Brackbury", "Roxanne Lane Brackbury"}) {
    CAPTURE(std::string(part));
    CHECK(told(std::string(part) + " studied Music. Later she left.") ==
          " " + name + " studied Music. Later " + name + " left.");
    CHECK(told("In Reno, NV, " + std::string(part) + "'s life began.") == " In Reno, NV, " + name + "'s life began.");
  }
  CHECK(told("Duke met Roxanne L. Brackbury in Reno. Duke met Roxanne L.") ==
        " Duke met " + name + " in Reno. Duke met " + name + ".");
  CHECK(told("Duke met Roxanne L. She left early. She is " + name + ".") ==
        " Duke met " + name + ". " + name + " left early. She is " + name + ".");
}

TEST_CASE("full names: they are things where the sentence before does not speak of a person of another pronoun") {
  const std::string name = "Ada Wren Oakwood";
  const std::string courses = name + " studied Music. The courses were hard. They took years. Their end was near. ";
  CHECK(retold(ada(), courses + "She left. They came back.", true).biography.text ==
        " " + courses + name + " left. " + name + " came back.");
  Person they = ada();
  they.pronoun = Mention::kThey;
  CHECK(retold(they, name + " studied Music. The city was large. They left.", true).biography.text ==
        " " + name + " studied Music. The city was large. " + name + " left.");
}
