// A biography in tokens, and where in them each attribute is told: what training, curves and probes read of a world.
#pragma once
#include <cstdint>
#include <vector>

#include "lethe/base/file.h"
#include "lethe/text/tokenizer.h"
#include "lethe/world/texts.h"

namespace lethe::measure {

// The token that ends a text, and behind which the next one begins. Where the tokenizer names none it is the one that
// begins a text: some have one token for both. Error, in which `where` names the tokenizer: it names neither.
int32_t end_of_text(const text::Tokenizer& tokenizer, const fs::path& where = "the model");

struct ToldTokens {
  std::vector<int32_t> ids;  // of the text, without special tokens
  // Of each attribute told, in the text's order: the index of its value's first token, and behind its last.
  std::vector<int64_t> first, end;
};

// Error: the tokenizer joins an attribute's value with what stands before it.
ToldTokens told_tokens(const text::Tokenizer& tokenizer, const world::Biography& biography);
// The same behind the end of another text, as in training: ids, first and end count the token `end`, too.
ToldTokens told_behind(int32_t end, const text::Tokenizer& tokenizer, const world::Biography& biography);

}  // namespace lethe::measure
