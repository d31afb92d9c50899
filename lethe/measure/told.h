// A biography in tokens, and where in them each attribute is told: what training, curves and probes read of a world.
#pragma once
#include <cstdint>
#include <vector>

#include "lethe/text/tokenizer.h"
#include "lethe/world/texts.h"

namespace lethe::measure {

struct ToldTokens {
  std::vector<int32_t> ids;  // of the text, without special tokens
  // Of each attribute told, in the text's order: the index of its value's first token, and behind its last.
  std::vector<int64_t> first, end;
};

// Error: the tokenizer joins an attribute's value with what stands before it.
ToldTokens told_tokens(const text::Tokenizer& tokenizer, const world::Biography& biography);

}  // namespace lethe::measure
