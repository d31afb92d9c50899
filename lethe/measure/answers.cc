#include "lethe/measure/answers.h"

#include <algorithm>

#include "lethe/model/generate.h"
#include "lethe/run/progress.h"

namespace lethe::measure {
namespace {

// Up to the first line end, or the first full stop, question or exclamation mark that ends a sentence (3.5 and U.S. do
// not).
std::string first_sentence(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return "";
  size_t end = begin;
  while (end < text.size() && text[end] != '\n' && text[end] != '\r') {
    const bool stop = text[end] == '.' || text[end] == '?' || text[end] == '!';
    if (stop && (end + 1 == text.size() || text[end + 1] == ' ' || text[end + 1] == '\n')) break;
    ++end;
  }
  std::string sentence = text.substr(begin, end - begin);
  sentence.erase(sentence.find_last_not_of(" \t") + 1);
  return sentence;
}

}  // namespace

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
