#include "lethe/world/word_tokenizer.h"

#include <fmt/format.h>

#include <set>
#include <string>
#include <string_view>

#include "lethe/world/sentences.h"

namespace lethe::world {
namespace {

constexpr const char* kSpecial[] = {"<|endoftext|>", "<unk>", "<mask>"};
constexpr const char* kPattern = " ?[^\\s.,?:]+|[.,?:]";  // a word with its space, or a mark
constexpr std::string_view kMarks = ".,?:";

// The pieces of a text, as kPattern finds them; `inside` a sentence its first word has a space, too.
void add_words(std::string_view text, std::set<std::string>& words, bool inside = true) {
  const auto is_mark = [](char c) { return kMarks.find(c) != std::string_view::npos; };
  for (size_t at = 0; at < text.size();) {
    const bool space = text[at] == ' ' || (at == 0 && inside && !is_mark(text[0]));
    at += text[at] == ' ';
    size_t end = at;
    while (end < text.size() && text[end] != ' ' && !is_mark(text[end])) ++end;
    if (end > at) words.insert((space ? " " : "") + std::string(text.substr(at, end - at)));
    if (end == at && end < text.size() && is_mark(text[end])) words.emplace(1, text[end++]);
    at = end;
  }
}

std::set<std::string> all_words() {
  std::set<std::string> words;
  for (const auto table : {first_names(), middle_names(), last_names(), cities(), universities(), majors()})
    for (const std::string_view value : table) add_words(value, words);
  for (const std::string_view name : last_names()) words.insert(fmt::format(" {}'s", name));
  for (const Company& company : companies()) {
    add_words(company.name, words);
    add_words(company.city, words);
  }
  for (int year = 1900; year < 2100; ++year) words.insert(fmt::format(" {}", year));
  for (int day = 1; day <= 28; ++day) words.insert(fmt::format(" {}", day));
  for (const std::string_view month : months()) add_words(month, words);
  for (const Attribute attribute : kAttributes) {
    for (const auto pronoun : {Mention::kHe, Mention::kShe, Mention::kThey})
      for (const std::string_view sentence : sentences(attribute))
        add_words(fill(sentence, {"", pronoun, false}, ""), words);
    const std::string asked = fill(question(attribute), {"", Mention::kThey, true}, "");
    add_words(asked, words);
    words.insert(asked.substr(0, asked.find(' ')));  // a question begins a text
  }
  add_words(" Answer:", words);
  return words;
}

}  // namespace

OrderedJson word_tokenizer(const std::vector<Biography>& retold) {
  OrderedJson added = OrderedJson::array(), vocabulary = OrderedJson::object();
  int64_t id = 0;
  for (const char* token : kSpecial) {
    added.push_back({{"id", id},
                     {"content", token},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
    vocabulary[token] = id++;
  }
  std::set<std::string> words = all_words();
  for (const Biography& biography : retold) add_words(biography.text, words, false);
  for (const std::string& word : words) vocabulary[word] = id++;
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", nullptr},
          {"pre_tokenizer",
           {{"type", "Split"}, {"pattern", {{"Regex", kPattern}}}, {"behavior", "Isolated"}, {"invert", false}}},
          {"post_processor", nullptr},
          {"decoder", {{"type", "Fuse"}}},
          {"model", {{"type", "WordLevel"}, {"vocab", vocabulary}, {"unk_token", kSpecial[1]}}}};
}

OrderedJson word_tokenizer_config() {
  return {{"tokenizer_class", "PreTrainedTokenizerFast"},
          {"bos_token", kSpecial[0]},
          {"eos_token", kSpecial[0]},
          {"unk_token", kSpecial[1]},
          {"mask_token", kSpecial[2]},
          {"clean_up_tokenization_spaces", false}};
}

}  // namespace lethe::world
