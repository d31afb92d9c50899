#include "lethe/facts/spelling.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>
#include <vector>

#include "lethe/base/error.h"
#include "lethe/base/nearest_word.h"

namespace lethe::facts {
namespace {

using Names = std::vector<std::string>;

const Names kOfAFact = {"prompt",
                        "new",
                        "old",
                        "subject",
                        "rephrase",
                        "locality",
                        "portability",
                        "locality_prompt",
                        "locality_answer",
                        "locality_ground_truth",
                        "portability_prompt",
                        "portability_answer",
                        "portability_ground_truth"};
const Names kOfAQuestion = {"prompt", "answer", "ground_truth", "New Question", "New Answer"};

// Names for the same in other formats, and in people's heads.
const std::pair<std::string, std::string> kOtherNames[] = {{"old_answer", "old"},
                                                           {"answer_old", "old"},
                                                           {"pred", "old"},
                                                           {"ground_truth", "old"},
                                                           {"new_answer", "new"},
                                                           {"answer_new", "new"},
                                                           {"target_new", "new"},
                                                           {"rephrase_prompt", "rephrase"},
                                                           {"paraphrase", "rephrase"},
                                                           {"paraphrases", "rephrase"},
                                                           {"paraphrase_prompts", "rephrase"},
                                                           {"loc", "locality"},
                                                           {"local", "locality"},
                                                           {"neighborhood_prompts", "locality"}};

// "Old", " old", "oldAnswer" and "locality-prompt" as fields are written.
std::string plain(const std::string& field) {
  std::string word;
  for (const char c : field) {
    if (std::isupper(static_cast<unsigned char>(c)) && !word.empty() && word.back() != '_') word += '_';
    word += c == '-' || c == ' ' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  const size_t begin = std::min(word.find_first_not_of('_'), word.size());
  return word.substr(begin, word.find_last_not_of('_') + 1 - begin);
}

// The known field that an unknown one most likely meant, or "".
std::string meant(const std::string& field, const Names& known) {
  const std::string word = plain(field);
  if (std::ranges::find(known, word) != known.end()) return word;
  if (&known == &kOfAFact)
    for (const auto& [name, same] : kOtherNames)
      if (name == word) return same;
  Names distinct = known;  // too many words are near a short one: "only" is not "old"
  std::erase_if(distinct, [](const std::string& name) { return name.size() < 6; });
  const std::string nearest = nearest_word(word, distinct);
  const bool numbered = !word.empty() && std::isdigit(static_cast<unsigned char>(word.back()));
  const bool is_another = nearest.empty() || nearest[0] != word[0] ||      // "object" is not "subject"
                          (word.starts_with(nearest + "_") && !numbered);  // "prompt_id" is about "prompt"
  return is_another ? "" : nearest;
}

void check_fields(const Json& fields, const Names& known, const char* what, const std::string& where) {
  for (const auto& [field, value] : fields.items()) {
    if (value.is_null() || std::ranges::find(known, field) != known.end()) continue;
    const std::string name = meant(field, known);
    const bool may_stand = name.empty() || has_field(fields, name.c_str());  // what was meant is there
    check(may_stand, "{}: {} is no field of a {}, did you mean \"{}\"?", where, shown(field), what, name);
  }
}

// A question, or questions in lists and named groups.
void check_questions(const Json& questions, const std::string& where) {
  if (questions.is_object()) check_fields(questions, kOfAQuestion, "question", where);
  if (!questions.is_structured()) return;
  for (const auto& [key, value] : questions.items())
    check_questions(value, fmt::format(fmt::runtime(questions.is_array() ? "{}[{}]" : "{}.{}"), where, key));
}

}  // namespace

void check_spelling(const Record& record) {
  check_fields(record.fields, kOfAFact, "fact", record.where);
  for (const char* key : {"locality", "portability"})
    if (const Json* questions = find_field(record.fields, key))
      check_questions(*questions, fmt::format("{}, \"{}\"", record.where, key));
}

}  // namespace lethe::facts
