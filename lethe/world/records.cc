#include "lethe/world/records.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "lethe/base/error.h"
#include "lethe/base/json.h"

namespace lethe::world {
namespace {

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

std::optional<Split> find_split(std::string_view name) {
  const auto at = std::ranges::find(kSplits, name, split_name);
  return at == kSplits.end() ? std::nullopt : std::optional(*at);
}

Split split_of(const Json& json, const std::string& where) {
  std::vector<std::string_view> names;
  for (const Split split : kSplits) names.push_back(split_name(split));
  return named<Split>(json, "split", where, names, find_split);
}

Mention::Pronoun pronoun_of(const Json& json, const std::string& where) {
  std::vector<std::string_view> names;
  for (const PronounForms& forms : kPronouns) names.push_back(forms.they);
  return named<Mention::Pronoun>(json, "pronoun", where, names, [&](const std::string& word) {
    const auto at = std::ranges::find(names, word);
    return at == names.end() ? std::nullopt : std::optional(static_cast<Mention::Pronoun>(at - names.begin()));
  });
}

// Reads lines of exactly the form that add_line writes, in ASCII without escapes, ten times as fast as a JSON parser.
// What it does not know is no error: that is then read as JSON.
class Scanner {
 public:
  explicit Scanner(std::string_view line) : rest_(line) {}

  Scanner& literal(std::string_view text) {
    ok_ = ok_ && rest_.starts_with(text);
    if (ok_) rest_.remove_prefix(text.size());
    return *this;
  }
  template <typename Integer>
  Scanner& number(Integer& value) {
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    ok_ = ok_ && error == std::errc();
    if (ok_) rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return *this;
  }
  // A text and its closing quote; the opening one belongs to the literal before.
  Scanner& text(std::string_view& value) {
    const auto special = [](char c) { return c < ' ' || c > '~' || c == '\\' || c == '"'; };
    const auto end = std::ranges::find_if(rest_, special);
    ok_ = ok_ && end != rest_.end() && *end == '"';
    if (!ok_) return *this;
    value = rest_.substr(0, static_cast<size_t>(end - rest_.begin()));
    rest_.remove_prefix(value.size() + 1);
    return *this;
  }
  bool ok() const { return ok_; }
  bool ended() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

std::optional<Biography> scan_biography(std::string_view line) {
  Biography biography;
  std::string_view text, name;
  Scanner scanner(line);
  scanner.literal("{\"person\":")
      .number(biography.person)
      .literal(",\"text\":\"")
      .text(text)
      .literal(",\"attributes\":[");
  for (size_t i = 0; i < kAttributes.size() && scanner.ok(); ++i) {
    Told told{};
    scanner.literal(i == 0 ? "{\"attribute\":\"" : ",{\"attribute\":\"").text(name);
    scanner.literal(",\"start\":").number(told.start).literal(",\"end\":").number(told.end).literal("}");
    const auto attribute = find_attribute(name);
    if (!attribute) return std::nullopt;
    told.attribute = *attribute;
    biography.attributes.push_back(told);
  }
  if (!scanner.literal("]}").ended()) return std::nullopt;
  biography.text = text;
  return biography;
}

Biography read_biography(std::string_view line, const std::string& where) {
  const Json json = parse_json(line, where);
  Biography biography{json_int(json, "person", where), json_string(json, "text", where), {}};
  const Json& told = json_field(json, "attributes", where);
  if (!told.is_array() || told.size() != kAttributes.size())
    fail("{}: \"attributes\" is {}, expected a list of {}", where, shown(told), kAttributes.size());
  for (const Json& entry : told) {
    const Attribute attribute = attribute_of(entry, where);
    const int64_t start = json_int(entry, "start", where), end = json_int(entry, "end", where);
    check(start >= 0 && end >= 0, "{}: {} is at \"start\" {}, \"end\" {}, expected bytes of the text", where,
          attribute_name(attribute), start, end);
    biography.attributes.push_back({attribute, static_cast<size_t>(start), static_cast<size_t>(end)});
  }
  return biography;
}

std::optional<Question> scan_question(std::string_view line) {
  Question question;
  std::string_view attribute, split, prompt, completion;
  Scanner scanner(line);
  scanner.literal("{\"person\":").number(question.person).literal(",\"attribute\":\"").text(attribute);
  scanner.literal(",\"split\":\"").text(split).literal(",\"prompt\":\"").text(prompt);
  scanner.literal(",\"completion\":\"").text(completion).literal("}");
  const auto of = find_attribute(attribute);
  const auto half = find_split(split);
  if (!scanner.ended() || !of || !half) return std::nullopt;
  question.attribute = *of;
  question.split = *half;
  question.prompt = prompt;
  question.completion = completion;
  return question;
}

Question read_question(std::string_view line, const std::string& where) {
  const Json json = parse_json(line, where);
  return {json_int(json, "person", where), attribute_of(json, where), split_of(json, where),
          json_string(json, "prompt", where), json_string(json, "completion", where)};
}

const Person& person_of(int64_t id, const std::string& where, const std::vector<Person>& people) {
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
  add_field(",\"pronoun\":", kPronouns[person.pronoun].they, text);
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
  person.pronoun = pronoun_of(json, where);
  for (const Attribute attribute : kAttributes) {
    const std::string key(attribute_name(attribute));
    person.value(attribute) = json_string(json, key.c_str(), where);
    if (!is_value(attribute, person.value(attribute)))
      fail("{}: \"{}\" is {}, expected one of the {} there are", where, key, shown(person.value(attribute)),
           all_values(attribute).size());
  }
  person.split = split_of(json, where);
  return person;
}

Biography parse_biography(std::string_view line, const std::string& where, const std::vector<Person>& people) {
  auto scanned = scan_biography(line);
  Biography biography = scanned ? std::move(*scanned) : read_biography(line, where);
  const Person& person = person_of(biography.person, where, people);
  unsigned seen = 0;
  size_t last = 0;
  for (const auto& [attribute, start, end] : biography.attributes) {
    const std::string_view name = attribute_name(attribute), text = biography.text;
    check((seen >> static_cast<unsigned>(attribute) & 1) == 0, "{}: {} stands twice in \"attributes\"", where, name);
    seen |= 1U << static_cast<unsigned>(attribute);
    check(
        start >= last && end > start && end <= text.size(),
        "{}: {} is at \"start\" {}, \"end\" {}, expected bytes of the text's {}, behind those of the attribute before",
        where, name, start, end, text.size());
    last = end;
    if (text.substr(start, end - start) != person.value(attribute))
      fail("{}: {} is {} at bytes {} to {} of the text, expected the person's, {}", where, name,
           shown(std::string(text.substr(start, end - start))), start, end, shown(person.value(attribute)));
  }
  return biography;
}

Question parse_question(std::string_view line, const std::string& where, const std::vector<Person>& people) {
  auto scanned = scan_question(line);
  Question question = scanned ? std::move(*scanned) : read_question(line, where);
  const Person& person = person_of(question.person, where, people);
  check(question.split == person.split, "{}: \"split\" is \"{}\", expected the person's, \"{}\"", where,
        split_name(question.split), split_name(person.split));
  if (question.prompt.find(person.full_name()) == std::string::npos)
    fail("{}: \"prompt\" is {}, expected a question about {}", where, shown(question.prompt), person.full_name());
  const std::string expected = completion(person, question.attribute);
  if (question.completion != expected)
    fail("{}: \"completion\" is {}, expected the person's {}, {}", where, shown(question.completion),
         attribute_name(question.attribute), shown(expected));
  return question;
}

}  // namespace lethe::world
