#include "lethe/text/added_tokens.h"

#include <algorithm>

#include "lethe/base/error.h"
#include "lethe/text/regex_syntax.h"
#include "lethe/text/unicode.h"

namespace lethe::text {
namespace {

// The start of the white space that ends at `end`, and the end of the white space that begins at `begin`.
size_t space_begin(std::string_view text, size_t end) {
  while (end > 0) {
    const size_t last = char_begin(text, end - 1);
    if (!is_whitespace(char_at(text, last).value)) break;
    end = last;
  }
  return end;
}

size_t space_end(std::string_view text, size_t begin) {
  while (begin < text.size()) {
    const Char c = char_at(text, begin);
    if (!is_whitespace(c.value)) break;
    begin += c.size;
  }
  return begin;
}

AddedToken read_token(const Json& json, const std::string& where) {
  AddedToken token;
  token.content = json_string(json, "content", where);
  const int64_t id = json_int(json, "id", where);
  check(id >= 0 && id <= Vocabulary::kMaxId, "{}: \"{}\" has the id {}, expected 0 to {}", where, token.content, id,
        Vocabulary::kMaxId);
  token.id = static_cast<int32_t>(id);
  token.single_word = json_bool(json, "single_word", where, false);
  token.lstrip = json_bool(json, "lstrip", where, false);
  token.rstrip = json_bool(json, "rstrip", where, false);
  token.special = json_bool(json, "special", where, false);
  token.normalized = json_bool(json, "normalized", where, !token.special);
  return token;
}

}  // namespace

AddedTokens::AddedTokens(const Json& list, const Vocabulary& vocabulary, const Normalizer* normalizer,
                         const std::string& where)
    : word_(kRustWordCharacter, where) {
  if (list.is_null()) return;
  check(list.is_array(), "{}: not a list", where);
  auto next_id = static_cast<int32_t>(vocabulary.count());
  for (const Json& json : list) {
    AddedToken token = read_token(json, where);
    if (token.content.empty()) continue;
    const int32_t known = vocabulary.find(token.content);
    const int32_t expected = known != Vocabulary::kNone ? known : next_id;
    check(token.id == expected, "{}: \"{}\" has the id {}, expected {} ({})", where, token.content, token.id, expected,
          known != Vocabulary::kNone ? "its id in the vocabulary" : "the next one behind the vocabulary");
    if (known == Vocabulary::kNone) ++next_id;
    const bool fresh =
        std::none_of(tokens_.begin(), tokens_.end(), [&](const auto& t) { return t.content == token.content; });
    check(fresh, "{}: \"{}\" is there twice", where, token.content);
    by_id_.emplace(token.id, tokens_.size());
    tokens_.push_back(std::move(token));
  }
  // Of two tokens with one normalized form a special one counts, else the first of the file: so they are searched in
  // this order.
  std::vector<size_t> order;
  for (const bool special : {true, false}) {
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (tokens_[i].special == special) order.push_back(i);
    }
  }
  for (const size_t i : order) {
    AddedToken& token = tokens_[i];
    by_content_.emplace(token.content, i);
    token.form = token.content;
    bool whole = true;
    if (token.normalized && normalizer) normalizer->normalize(token.form, whole);
    if (token.form.empty()) continue;
    Patterns& patterns = token.normalized ? normalized_ : plain_;
    const char first = token.form[0];
    patterns.by_first_byte[static_cast<unsigned char>(first)].push_back(i);
    if (patterns.first_bytes.find(first) == std::string::npos) patterns.first_bytes += first;
  }
  for (Patterns* patterns : {&plain_, &normalized_}) {
    for (auto& bucket : patterns->by_first_byte) {
      std::stable_sort(bucket.begin(), bucket.end(),
                       [&](size_t a, size_t b) { return tokens_[a].form.size() > tokens_[b].form.size(); });
    }
  }
}

const AddedToken* AddedTokens::find(int32_t id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : &tokens_[it->second];
}

const AddedToken* AddedTokens::find(std::string_view content) const {
  const auto it = by_content_.find(content);
  return it == by_content_.end() ? nullptr : &tokens_[it->second];
}

const AddedToken* AddedTokens::find_next(const Patterns& patterns, std::string_view text, size_t& at) const {
  for (; at < text.size(); ++at) {
    if (patterns.first_bytes.size() == 1) {
      at = text.find(patterns.first_bytes[0], at);
      if (at == std::string_view::npos) return nullptr;
    }
    for (const size_t i : patterns.by_first_byte[static_cast<unsigned char>(text[at])]) {
      if (text.substr(at).starts_with(tokens_[i].form)) return &tokens_[i];
    }
  }
  return nullptr;
}

bool AddedTokens::word_before(std::string_view text, size_t at) const {
  return at > 0 && word_behind(text, char_begin(text, at - 1));
}

bool AddedTokens::word_behind(std::string_view text, size_t at) const {
  Regex::Match match;
  if (at >= text.size()) return false;
  return word_.find(text.substr(at, char_at(text, at).size), 0, match);
}

void AddedTokens::split(std::string_view text, bool normalized, OnPart on_part) const {
  const Patterns& patterns = normalized ? normalized_ : plain_;
  size_t done = 0, at = 0;
  while (const AddedToken* token = patterns.first_bytes.empty() ? nullptr : find_next(patterns, text, at)) {
    size_t begin = at, end = at + token->form.size();
    at = end;
    if (token->single_word && (word_before(text, begin) || word_behind(text, end))) continue;
    if (token->lstrip) begin = std::max(space_begin(text, begin), done);
    if (token->rstrip) end = space_end(text, end);
    if (done < begin) on_part(nullptr, done, begin);
    on_part(token, begin, end);
    done = end;
  }
  if (done < text.size()) on_part(nullptr, done, text.size());
}

}  // namespace lethe::text
