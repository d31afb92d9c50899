// Added tokens (special tokens among them): texts that are one token wherever they stand, found before all else.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lethe/base/json.h"
#include "lethe/text/function_ref.h"
#include "lethe/text/normalizer.h"
#include "lethe/text/regex.h"
#include "lethe/text/vocabulary.h"

namespace lethe::text {

struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool single_word = false;             // found only where no word character stands beside it
  bool lstrip = false, rstrip = false;  // takes the white space on that side with it
  bool normalized = false;              // found in the normalized text, as its own normalized form
  bool special = false;
  std::string
      form;  // what is searched for, and what decoding writes: the normalized form where `normalized`, else the content
};

class AddedTokens {
 public:
  // From the list "added_tokens" of tokenizer.json (null: none). A token that the model's vocabulary has keeps its id;
  // the others are numbered behind it in the list's order, and a file that says otherwise is an Error, like an id given
  // twice.
  AddedTokens(const Json& list, const Vocabulary& vocabulary, const Normalizer* normalizer, const std::string& where);

  const AddedToken* find(int32_t id) const;
  const AddedToken* find(std::string_view content) const;
  const std::vector<AddedToken>& all() const { return tokens_; }

  // Cuts `text` at the tokens that are found in normalized (or in plain) text. Calls on_part(token, begin, end), the
  // token null for the text between tokens.
  using OnPart = FunctionRef<void(const AddedToken*, size_t, size_t)>;
  void split(std::string_view text, bool normalized, OnPart on_part) const;

 private:
  struct Patterns {
    std::array<std::vector<size_t>, 256> by_first_byte;  // indices of tokens_, the longest form first
    std::string first_bytes;
  };
  // The longest token at the leftmost place at or after `at`, and that place in `at`; null where there is none.
  const AddedToken* find_next(const Patterns& patterns, std::string_view text, size_t& at) const;
  bool word_before(std::string_view text, size_t at) const;
  bool word_behind(std::string_view text, size_t at) const;

  std::vector<AddedToken> tokens_;
  std::unordered_map<int32_t, size_t> by_id_;
  std::unordered_map<std::string_view, size_t> by_content_;  // into tokens_
  Patterns plain_, normalized_;
  Regex word_;
};

}  // namespace lethe::text
