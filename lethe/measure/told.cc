#include "lethe/measure/told.h"

#include <algorithm>
#include <optional>

#include "lethe/base/error.h"

namespace lethe::measure {

int32_t end_of_text(const text::Tokenizer& tokenizer, const fs::path& where) {
  const std::optional<int32_t> id = tokenizer.eos_id() ? tokenizer.eos_id() : tokenizer.bos_id();
  check(id.has_value(), "{}: the tokenizer names no end-of-text token, expected an eos_token in tokenizer_config.json",
        where.string());
  return *id;
}

ToldTokens told_tokens(const text::Tokenizer& tokenizer, const world::Biography& biography) {
  ToldTokens told{tokenizer.encode(biography.text, false), {}, {}};
  for (const world::Told& attribute : biography.attributes) {
    // The space before a value belongs to its first token.
    const size_t space = attribute.start > 0 && biography.text[attribute.start - 1] == ' ' ? 1 : 0;
    const std::vector<int32_t> before =
        tokenizer.encode(std::string_view(biography.text).substr(0, attribute.start - space), false);
    check(before.size() < told.ids.size() && std::equal(before.begin(), before.end(), told.ids.begin()),
          "person {}: the tokenizer joins the {} with the text before it: \"{}\"", biography.person,
          world::attribute_name(attribute.attribute), biography.text);
    told.first.push_back(std::ssize(before));
    told.end.push_back(std::ssize(tokenizer.encode(std::string_view(biography.text).substr(0, attribute.end), false)));
  }
  return told;
}

ToldTokens told_behind(int32_t end, const text::Tokenizer& tokenizer, const world::Biography& biography) {
  ToldTokens told = told_tokens(tokenizer, biography);
  told.ids.insert(told.ids.begin(), end);
  for (std::vector<int64_t>* places : {&told.first, &told.end})
    for (int64_t& place : *places) ++place;
  return told;
}

}  // namespace lethe::measure
