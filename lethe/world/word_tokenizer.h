// A tokenizer whose tokens are words, for small models: a token is a word with the space before it, or a mark (. , ?
// :). It knows the words of every world, not of one, so that all worlds' models share their ids; but for lives that a
// language model retold, whose words it knows beside them.
#pragma once
#include <vector>

#include "lethe/base/json.h"
#include "lethe/world/texts.h"

namespace lethe::world {

// tokenizer.json as Hugging Face's library reads it (WordLevel; ids in the order of the bytes behind the special
// tokens), and tokenizer_config.json, which names <|endoftext|>, <unk> and <mask>.
OrderedJson word_tokenizer(const std::vector<Biography>& retold = {});
OrderedJson word_tokenizer_config();

}  // namespace lethe::world
