#include "lethe/measure/answers.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "lethe/model/generate.h"
#include "lethe/run/progress.h"

namespace lethe::measure {
namespace {

enum class ShortForm { kNone, kLetter, kDotted, kWord };

// What the word before a full stop is: "F" of a name, "U.S", "St".
ShortForm short_form(std::string_view word) {
  static constexpr std::string_view kWords[] = {"St", "Mt",  "Ft",  "Dr", "Mr",  "Mrs", "Ms", "Jr",
                                                "Sr", "Gen", "Col", "Lt", "Inc", "Co",  "vs"};
  if (std::ranges::find(kWords, word) != std::end(kWords)) return ShortForm::kWord;
  const auto letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
  for (size_t i = 0; i < word.size(); ++i)
    if (i % 2 == 0 ? !letter(word[i]) : word[i] != '.') return ShortForm::kNone;
  if (word.size() % 2 == 0) return ShortForm::kNone;
  if (word.size() > 1) return ShortForm::kDotted;
  return std::isupper(static_cast<unsigned char>(word[0])) != 0 ? ShortForm::kLetter : ShortForm::kNone;
}

std::string_view first_word(std::string_view text) { return text.substr(0, text.find_first_of(" ,'")); }

// Whether `rest`, what stands behind a full stop and a space, begins a sentence: with words that are no part of a name,
// or with the first word of the answer again, as small models go on.
bool begins_sentence(std::string_view rest, std::string_view answer) {
  static constexpr std::string_view kWords[] = {"A",   "An", "The", "This", "That", "These", "It",
                                                "Its", "He", "She", "They", "His",  "Her",   "Their",
                                                "We",  "I",  "In",  "On",   "At",   "There", "However"};
  const std::string_view word = first_word(rest);
  if (word == first_word(answer) && !word.ends_with('.')) return true;  // but "A. A. Milne"
  return std::ranges::find(kWords, word) != std::end(kWords);
}

}  // namespace

std::string first_sentence(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return "";
  const std::string_view line = std::string_view(text).substr(begin, text.find_first_of("\r\n", begin) - begin);
  size_t end = 0;
  for (; end < line.size(); ++end) {
    const std::string_view rest = line.substr(end + 1);
    if (std::string_view(".?!").find(line[end]) == std::string_view::npos) continue;
    if (!rest.empty() && rest[0] != ' ') continue;
    if (line[end] != '.') break;
    const size_t space = line.substr(0, end).find_last_of(" (\"");
    const ShortForm form = short_form(line.substr(space + 1, end - space - 1));  // npos + 1 is 0
    if (form == ShortForm::kNone) break;
    const size_t next = rest.find_first_not_of(' ');
    if (next != std::string_view::npos && !begins_sentence(rest.substr(next), line)) continue;
    end += form == ShortForm::kLetter ? 0 : 1;
    break;
  }
  std::string sentence(line.substr(0, end));
  sentence.erase(sentence.find_last_not_of(" \t") + 1);
  return sentence;
}

std::vector<int32_t> stop_ids(const model::ModelConfig& config, const text::Tokenizer* tokenizer) {
  std::vector<int32_t> ids(config.eos_ids.begin(), config.eos_ids.end());
  if (tokenizer && tokenizer->eos_id() && std::find(ids.begin(), ids.end(), *tokenizer->eos_id()) == ids.end())
    ids.push_back(*tokenizer->eos_id());
  return ids;
}

std::vector<std::string> greedy_answers(const NamedModel& model, const text::Tokenizer& tokenizer,
                                        const text::Template& format, const std::vector<std::string>& prompts,
                                        int64_t max_new_tokens) {
  constexpr size_t kBatch = 32;  // the caches of so many sequences lie in memory at once
  model::GenerateOptions options;
  options.max_new_tokens = max_new_tokens;
  options.model_name = model.name;
  options.stop_ids = stop_ids(model.transformer.config(), &tokenizer);
  run::Progress progress("ask", std::ssize(prompts), "prompts");
  std::vector<std::string> answers;
  while (answers.size() < prompts.size()) {
    std::vector<std::vector<int32_t>> ids;
    for (size_t i = answers.size(); i < prompts.size() && ids.size() < kBatch; ++i)
      ids.push_back(text::encode_prompt(tokenizer, format, prompts[i]));
    for (const auto& answer : model::generate(model.transformer, ids, options))
      answers.push_back(first_sentence(tokenizer.decode(answer, true)));
    progress.update(std::ssize(answers));
  }
  return answers;
}

}  // namespace lethe::measure
