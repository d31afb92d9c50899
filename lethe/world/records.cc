#include "lethe/world/records.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "lethe/base/error.h"
#include "lethe/base/json.h"

namespace lethe::world {
namespace {

constexpr std::string_view kPronouns[] = {"he", "she", "they"};

void add_number(uint64_t number, std::string& text) {
  char digits[20];
  text.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void add_string(std::string_view value, std::string& text) {
  text += '"';
  const auto plain = [](char c) { return c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20; };
  if (std::ranges::all_of(value, plain)) {
    text += value;
  } else {
    const std::string quoted = Json(value).dump();
    text.append(quoted, 1, quoted.size() - 2);
  }
  text += '"';
}

// `key` with its quotes, its colon and what stands before it: ,"last":
void add_field(std::string_view key, std::string_view value, std::string& text) {
  text += key;
  add_string(value, text);
}

template <typename Value, typename Names, typename Find>
Value named(const Json& json, const char* key, const std::string& where, const Names& names, const Find& find) {
  const std::string name = json_string(json, key, where);
  const auto value = find(name);
  if (!value) fail("{}: \"{}\" is {}, expected one of {}", where, key, shown(name), fmt::join(names, ", "));
  return *value;
}

Attribute attribute_of(const Json& json, const std::string& where) {
  return named<Attribute>(json, "attribute", where, attribute_names(), find_attribute);
}

Split split_of(const Json& json, const std::string& where) {
  std::vector<std::string_view> names;
  for (const Split split : kSplits) names.push_back(split_name(split));
  return named<Split>(json, "split", where, names, [](const std::string& name) {
    const auto at = std::ranges::find(kSplits, name, split_name);
    return at == kSplits.end() ? std::nullopt : std::optional(*at);
  });
}

const Person& person_of(const Json& json, const std::string& where, const std::vector<Person>& people) {
  const int64_t id = json_int(json, "person", where);
  check(id >= 0 && id < std::ssize(people), "{}: \"person\" is {}, expected an id below {}", where, id, people.size());
  return people[static_cast<size_t>(id)];
}

}  // namespace

void add_line(const Person& person, std::string& text) {
  text += "{\"id\":";
  add_number(static_cast<uint64_t>(person.id), text);
  add_field(",\"first\":", person.first, text);
  add_field(",\"middle\":", person.middle, text);
  add_field(",\"last\":", person.last, text);
  add_field(",\"pronoun\":", kPronouns[person.pronoun], text);
  for (const Attribute attribute : kAttributes) {
    text += ",\"";
    text += attribute_name(attribute);
    add_field("\":", person.value(attribute), text);
  }
  add_field(",\"split\":", split_name(person.split), text);
  text += "}\n";
}

void add_line(const Biography& biography, std::string& text) {
  text += "{\"person\":";
  add_number(static_cast<uint64_t>(biography.person), text);
  add_field(",\"text\":", biography.text, text);
  text += ",\"attributes\":[";
  for (const auto& [attribute, start, end] : biography.attributes) {
    if (text.back() != '[') text += ',';
    add_field("{\"attribute\":", attribute_name(attribute), text);
    text += ",\"start\":";
    add_number(start, text);
    text += ",\"end\":";
    add_number(end, text);
    text += '}';
  }
  text += "]}\n";
}

void add_line(const Question& question, std::string& text) {
  text += "{\"person\":";
  add_number(static_cast<uint64_t>(question.person), text);
  add_field(",\"attribute\":", attribute_name(question.attribute), text);
  add_field(",\"split\":", split_name(question.split), text);
  add_field(",\"prompt\":", question.prompt, text);
  add_field(",\"completion\":", question.completion, text);
  text += "}\n";
}

Person parse_person(std::string_view line, const std::string& where) {
  const Json json = parse_json(line, where);
  Person person;
  person.id = json_int(json, "id", where);
  const auto name = [&](const char* key) {
    std::string value = json_string(json, key, where);
    check(!value.empty(), "{}: \"{}\" is empty, expected a name", where, key);
    return value;
  };
  person.first = name("first");
  person.middle = name("middle");
  person.last = name("last");
  person.pronoun = named<Mention::Pronoun>(json, "pronoun", where, kPronouns, [](const std::string& word) {
    const auto at = std::ranges::find(kPronouns, word);
    return at == std::end(kPronouns) ? std::nullopt
                                     : std::optional(static_cast<Mention::Pronoun>(at - std::begin(kPronouns)));
  });
  for (const Attribute attribute : kAttributes) {
    const std::string key(attribute_name(attribute));
    person.value(attribute) = json_string(json, key.c_str(), where);
    if (!is_value(attribute, person.value(attribute)))
      fail("{}: \"{}\" is {}, expected one of the {} there are", where, key, shown(person.value(attribute)),
           value_count(attribute));
  }
  person.split = split_of(json, where);
  return person;
}

Biography parse_biography(std::string_view line, const std::string& where, const std::vector<Person>& people) {
  const Json json = parse_json(line, where);
  const Person& person = person_of(json, where, people);
  Biography biography{person.id, json_string(json, "text", where), {}};
  const Json& told = json_field(json, "attributes", where);
  if (!told.is_array() || told.size() != kAttributes.size())
    fail("{}: \"attributes\" is {}, expected a list of {}", where, shown(told), kAttributes.size());
  unsigned seen = 0;
  int64_t last = 0;
  for (const Json& entry : told) {
    const Attribute attribute = attribute_of(entry, where);
    const std::string_view name = attribute_name(attribute);
    const int64_t start = json_int(entry, "start", where), end = json_int(entry, "end", where);
    check((seen >> static_cast<unsigned>(attribute) & 1) == 0, "{}: {} stands twice in \"attributes\"", where, name);
    seen |= 1U << static_cast<unsigned>(attribute);
    check(
        start >= last && end > start && end <= std::ssize(biography.text),
        "{}: {} is at \"start\" {}, \"end\" {}, expected bytes of the text's {}, behind those of the attribute before",
        where, name, start, end, biography.text.size());
    last = end;
    const std::string_view value =
        std::string_view(biography.text).substr(static_cast<size_t>(start), static_cast<size_t>(end - start));
    if (value != person.value(attribute))
      fail("{}: {} is {} at bytes {} to {} of the text, expected the person's, {}", where, name,
           shown(std::string(value)), start, end, shown(person.value(attribute)));
    biography.attributes.push_back({attribute, static_cast<size_t>(start), static_cast<size_t>(end)});
  }
  return biography;
}

Question parse_question(std::string_view line, const std::string& where, const std::vector<Person>& people) {
  const Json json = parse_json(line, where);
  const Person& person = person_of(json, where, people);
  Question question{person.id, attribute_of(json, where), split_of(json, where), json_string(json, "prompt", where),
                    json_string(json, "completion", where)};
  check(question.split == person.split, "{}: \"split\" is \"{}\", expected the person's, \"{}\"", where,
        split_name(question.split), split_name(person.split));
  if (question.prompt.find(person.full_name()) == std::string::npos)
    fail("{}: \"prompt\" is {}, expected a question about {}", where, shown(question.prompt), person.full_name());
  const std::string expected = " " + person.value(question.attribute) + ".";
  if (question.completion != expected)
    fail("{}: \"completion\" is {}, expected the person's {}, {}", where, shown(question.completion),
         attribute_name(question.attribute), shown(expected));
  return question;
}

}  // namespace lethe::world
