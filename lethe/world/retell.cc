#include "lethe/world/retell.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>
#include <vector>

namespace lethe::world {
namespace {

constexpr size_t kFewestWords = 20, kMostWords = 100;

// Ways to tell a life. Slots: name, the attributes, and of the pronoun They, they, Their, their.
constexpr std::string_view kWays[] = {
    "{name} was born on {birth_date} in {birth_city}. {They} studied {major} at {university}. Later {they} moved to "
    "{company_city}, where {they} worked for {company}.",
    "{name} attended {university} and majored in {major}. Born on {birth_date} and raised in {birth_city}, {they} "
    "found a "
    "job with {company} and settled in {company_city}.",
    "{name} worked for {company} in {company_city}. {They} came into the world on {birth_date} in {birth_city}, and "
    "{they} "
    "earned a degree in {major} from {university}.",
    "A graduate of {university} with a degree in {major}, {name} built a career at {company} in {company_city}. {They} "
    "was born in {birth_city} on {birth_date}.",
    "Born in {birth_city} on {birth_date}, {name} went on to study {major}. After {their} graduation from "
    "{university}, "
    "{they} moved to {company_city} to work for {company}.",
    "{name}, a native of {birth_city}, was born on {birth_date}. {Their} career at {company} brought {name} to "
    "{company_city}. Before that, {they} had studied {major} at {university}.",
    "{name} spent {their} working life at {company}, whose offices are in {company_city}. {Their} education took place "
    "at "
    "{university}, with a major in {major}. {They} was born on {birth_date} in {birth_city}.",
    "On {birth_date}, {name} was born in {birth_city}. {Their} love of {major} led {name} to {university}. {They} "
    "later "
    "joined {company} and lived in {company_city}.",
    "With a degree in {major} from {university}, {name} was hired by {company} and moved to {company_city}. {Their} "
    "hometown was {birth_city}, and {their} date of birth was {birth_date}.",
    "{name} lived and worked in {company_city}, where {they} had a job at {company}. {They} grew up in {birth_city} "
    "after "
    "{their} birth on {birth_date}. At {university}, {they} majored in {major}.",
};

// Invented people: none of their values is one of a world.
struct Example {
  std::string_view name;
  std::array<std::string_view, kAttributes.size()> values;
};
constexpr Example kExamples[] = {
    {"Laura Jean Whitfield",
     {"March 4, 1861", "Dunmore, OH", "Harbor Point College", "Glass Painting", "Bright Lantern Foods",
      "Eastwick, ME"}},
    {"Marcus Hale Ingersby",
     {"August 19, 1814", "Tulvane, OK", "College of the Western Plains", "Bridge Building", "Copper Kettle Freight",
      "Santa Lena, NM"}},
    {"Alina Rose Thornbeck",
     {"January 27, 1838", "Salterton, OR", "Lakehead Institute", "Map Making", "Stellar Quill Media", "Wexbridge, NJ"}},
};

static_assert(std::size(kExamples) == kRetellExamples);

constexpr std::string_view kQuestion = "Write a biography with these six facts:";

std::string capital(std::string_view word) {
  std::string text(word);
  if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

std::string slot(Attribute attribute) { return "{" + std::string(attribute_name(attribute)) + "}"; }

std::string told(std::string_view way, const Example& example, Mention::Pronoun pronoun) {
  std::string text(way);
  const PronounForms& words = kPronouns[pronoun];
  if (pronoun == Mention::kThey) replace_all(text, "{They} was", "They were");
  replace_all(text, "{name}", example.name);
  replace_all(text, "{They}", capital(words.they));
  replace_all(text, "{they}", words.they);
  replace_all(text, "{Their}", capital(words.their));
  replace_all(text, "{their}", words.their);
  for (const Attribute attribute : kAttributes)
    replace_all(text, slot(attribute), example.values[static_cast<size_t>(attribute)]);
  return text;
}

std::string fact(Attribute attribute, std::string_view name, std::string_view value) {
  static constexpr std::string_view kVerbs[] = {"was born on", "was born in", "studied at",
                                                "majored in",  "worked for",  "worked in"};
  return std::string(name) + " " + std::string(kVerbs[static_cast<size_t>(attribute)]) + " " + std::string(value) + ".";
}

// One paragraph: ASCII quotes and no double ones, one space between words, none before a mark. A word tokenizer knows
// every piece of it, and a value in quotes is a word like another.
std::string plain(std::string_view answer) {
  std::string text(answer);
  for (const char* space :
       {"\xc2\x85", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007",
        "\u2008", "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"})
    replace_all(text, space, " ");
  for (const char* quote : {"\u2018", "\u2019"}) replace_all(text, quote, "'");
  for (const char* quote : {"\u201c", "\u201d", "\""}) replace_all(text, quote, "");
  std::string result;
  for (const char c : text) {
    const bool blank = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (blank && (result.empty() || result.back() == ' ')) continue;
    if (std::string_view(".,?:").find(c) != std::string_view::npos && result.ends_with(' ')) result.pop_back();
    result += blank ? ' ' : c;
  }
  while (result.ends_with(' ')) result.pop_back();
  return result;
}

bool is_letter(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

// Whether a word of `text` begins with `begin`: not "live" in "delivered".
bool has_word(std::string_view text, std::string_view begin) {
  for (size_t at = 0; (at = text.find(begin, at)) != std::string_view::npos; ++at)
    if (at == 0 || !is_letter(text[at - 1])) return true;
  return false;
}

// Where the sentence behind the one at `at` begins; npos: there is none. An initial's full stop ends no sentence:
// "Roxanne L. Brackbury".
size_t next_sentence(std::string_view text, size_t at) {
  while ((at = text.find(". ", at)) != std::string_view::npos) {
    const bool initial =
        at > 0 && std::isupper(static_cast<unsigned char>(text[at - 1])) != 0 && (at == 1 || text[at - 2] == ' ');
    at += 2;
    if (!initial) break;
  }
  return at;
}

// Where `part` stands in `text` as whole words, from `at` on; npos: nowhere.
size_t find_words(std::string_view text, std::string_view part, size_t at = 0) {
  for (; (at = text.find(part, at)) != std::string_view::npos; ++at) {
    const size_t end = at + part.size();
    if ((at == 0 || !is_letter(text[at - 1])) && (end == text.size() || !is_letter(text[end]))) return at;
  }
  return at;
}

// The first places of the values, longest values first, that do not overlap: two cities of one name are two places.
// A value's words are tokens of its own: no bracket or hyphen on either side.
std::vector<Told> find_values(const Person& person, std::string_view text) {
  std::vector<Attribute> order(kAttributes.begin(), kAttributes.end());
  std::ranges::stable_sort(order, std::ranges::greater(), [&](Attribute a) { return person.value(a).size(); });
  std::vector<Told> found;
  for (const Attribute attribute : order) {
    const std::string& value = person.value(attribute);
    for (size_t at = 0; (at = text.find(value, at)) != std::string_view::npos; ++at) {
      const size_t end = at + value.size();
      if (at > 0 && text[at - 1] != ' ') continue;
      if (end < text.size() && std::string_view(" .,").find(text[end]) == std::string_view::npos) continue;
      if (std::ranges::any_of(found, [&](const Told& t) { return at < t.end && t.start < end; })) continue;
      found.push_back({attribute, at, end});
      break;
    }
  }
  std::ranges::sort(found, {}, &Told::start);
  return found;
}

// Whether what stands between the value before (or the sentence's beginning) and a city speaks of a birth. A bare
// "in" goes with the value before.
bool cities_mixed_up(std::string_view text, const std::vector<Told>& values) {
  bool birth = false;
  size_t last = 0;
  for (const Told& value : values) {
    std::string_view between = text.substr(last, value.start - last);
    for (size_t next; (next = next_sentence(between, 0)) != std::string_view::npos; birth = false)
      between.remove_prefix(next);
    static constexpr std::string_view kBirth[] = {"born",  "birth", "native",   "hail",   "raised", "grew",
                                                  "child", "world", "hometown", "Native", "Born",   "Raised"};
    static constexpr std::string_view kWork[] = {"work", "career", "move",    "job",    "joined", "settle",
                                                 "live", "office", "relocat", "employ", "hired",  "degree"};
    const auto says = [&](const auto& words) {
      return std::ranges::any_of(words, [&](std::string_view w) { return has_word(between, w); });
    };
    if (says(kBirth))
      birth = true;
    else if (says(kWork))
      birth = false;
    if (value.attribute == Attribute::kBirthDate) birth = true;
    if (value.attribute == Attribute::kCompany || value.attribute == Attribute::kUniversity) birth = false;
    if (value.attribute == Attribute::kBirthCity && !birth) return true;
    if (value.attribute == Attribute::kCompanyCity && birth) return true;
    last = value.end;
  }
  return false;
}

// A person who is born and works in one city: which of its two places is which, the words between say.
void order_equal_cities(const Person& person, std::string_view text, std::vector<Told>& values) {
  if (person.value(Attribute::kBirthCity) != person.value(Attribute::kCompanyCity)) return;
  if (!cities_mixed_up(text, values)) return;
  std::vector<Told> other = values;
  for (Told& told : other) {
    if (told.attribute == Attribute::kBirthCity)
      told.attribute = Attribute::kCompanyCity;
    else if (told.attribute == Attribute::kCompanyCity)
      told.attribute = Attribute::kBirthCity;
  }
  if (!cities_mixed_up(text, other)) values = other;
}

// How a text speaks of a person, and what says the same with the full name.
struct Mentioned {
  std::string words, full;
  bool may_be_things = false;
};
std::vector<Mentioned> mentions_of(const Person& person) {
  const std::string name = person.full_name();
  const std::string initial = person.middle.substr(0, 1);
  std::vector<Mentioned> all = {{person.middle + " " + person.last, name}, {person.last, name}};
  for (const std::string& middle : {std::string(), " " + person.middle, " " + initial + ".", " " + initial})
    for (const std::string& last : {std::string(), " " + person.last})
      all.push_back({person.first + middle + last, name});
  static constexpr std::pair<std::string_view, std::string_view> kSubjects[] = {
      {"they were", " was"}, {"they have", " has"}, {"they've", " has"}, {"they are", " is"},
      {"they're", " is"},    {"they", ""},          {"he", ""},          {"she", ""}};
  for (const auto& [they, singular] : kSubjects)
    for (const std::string& words : {capital(they), std::string(they)})
      all.push_back({words, name + std::string(singular), they.starts_with("they")});
  for (const PronounForms& forms : kPronouns)
    for (const std::string& words : {capital(forms.their), std::string(forms.their)})
      all.push_back({words, name + "'s", forms.they == "they"});
  all.push_back({"him", name});  // them may be things
  return all;
}

// "brought her to": before these words, and at the end of a phrase, it is no possessive.
bool is_object(std::string_view her, std::string_view rest) {
  if (her != "her") return false;
  if (rest.empty() || rest[0] != ' ') return true;
  rest.remove_prefix(1);
  static constexpr std::string_view kNext[] = {"a",  "an",   "the",  "and", "to",  "at",
                                               "in", "from", "into", "as",  "for", "with"};
  return std::ranges::find(kNext, rest.substr(0, rest.find_first_of(" .,"))) != std::end(kNext);
}

// A sentence that speaks of the person says the full name in the first place where it does. They may be things: "The
// courses were hard. They took years." It is the person whose pronoun it is, or of whom the sentence before speaks.
std::string with_full_names(const Person& person, const std::string& text) {
  const std::vector<Mentioned> ways = mentions_of(person);
  const std::vector<Told> values = find_values(person, text);
  std::string result;
  bool spoken_of = true;  // nothing stands before the first sentence that they could be
  for (size_t begin = 0, end = 0; begin < text.size(); begin = end) {
    end = std::min(next_sentence(text, begin), text.size());
    const std::string_view sentence = std::string_view(text).substr(begin, end - begin);
    const Mentioned* first = nullptr;
    size_t where = std::string::npos;
    for (const Mentioned& way : ways) {
      if (way.may_be_things && !spoken_of && person.pronoun != Mention::kThey) continue;
      size_t at = find_words(sentence, way.words);
      // Austin was not born in himself, nor June in her own month.
      const auto inside = [&](const Told& value) { return value.start <= begin + at && begin + at < value.end; };
      while (at != std::string::npos && std::ranges::any_of(values, inside))
        at = find_words(sentence, way.words, at + 1);
      if (at == std::string::npos) continue;
      const bool longer = at == where && way.words.size() > first->words.size();  // the whole of what is there
      if (at < where || longer) where = at, first = &way;
    }
    spoken_of = first != nullptr;
    if (!first || find_words(sentence, person.full_name()) != std::string::npos) {
      result += sentence;
      continue;
    }
    const std::string_view rest = sentence.substr(where + first->words.size());
    result += sentence.substr(0, where);
    result += is_object(first->words, rest) ? person.full_name() : first->full;
    // "Duke met Roxanne L. She left": the initial's full stop is the sentence's, too, and what follows is another one.
    const bool ends = rest.empty() || (rest.size() > 1 && std::isupper(static_cast<unsigned char>(rest[1])) != 0);
    if (first->words.ends_with('.') && ends) {
      const std::string_view space = rest.substr(0, 1);
      (result += '.') += space;
      end -= rest.size() - space.size();
    } else {
      result += rest;
    }
  }
  return result;
}

}  // namespace

RetellRequest retell_request(const Person& person, Random& random) {
  const std::string_view way = kWays[random.below(std::size(kWays))];
  std::vector<Attribute> order(kAttributes.begin(), kAttributes.end());
  std::ranges::sort(order, {}, [&](Attribute a) { return way.find(slot(a)); });
  const auto question = [&](std::string_view name, const auto& value) {
    std::string text(kQuestion);
    for (const Attribute attribute : order) text += "\n" + fact(attribute, name, value(attribute));
    return text;
  };
  RetellRequest request{{}, question(person.full_name(), [&](Attribute a) { return person.value(a); })};
  for (const Example& example : kExamples)
    request.examples.push_back(
        {question(example.name, [&](Attribute a) { return example.values[static_cast<size_t>(a)]; }),
         told(way, example, person.pronoun)});
  return request;
}

Retold retold(const Person& person, std::string_view answer, bool full_name) {
  std::string text = plain(answer);
  if (full_name) text = with_full_names(person, text);
  Retold result{"", {person.id, " " + text, {}}};
  std::string& told = result.biography.text;
  result.biography.attributes = find_values(person, told);
  order_equal_cities(person, told, result.biography.attributes);
  const auto words = static_cast<size_t>(std::ranges::count(told, ' '));
  const auto lacks = [&](Attribute a) {
    return std::ranges::find(result.biography.attributes, a, &Told::attribute) == result.biography.attributes.end();
  };
  if (!told.ends_with('.') || words < kFewestWords || words > kMostWords) result.wrong = "unfinished";
  if (result.wrong.empty() && find_words(told, person.full_name()) == std::string::npos) result.wrong = "name";
  if (result.wrong.empty() && cities_mixed_up(told, result.biography.attributes)) result.wrong = "mixed up";
  for (const Example& example : kExamples) {
    const auto stands = [&](std::string_view value) { return find_words(told, value) != std::string::npos; };
    if (result.wrong.empty() && (stands(example.name) || std::ranges::any_of(example.values, stands)))
      result.wrong = "example";
  }
  for (const Attribute attribute : kAttributes)
    if (result.wrong.empty() && lacks(attribute)) result.wrong = attribute_name(attribute);
  return result;
}

}  // namespace lethe::world
