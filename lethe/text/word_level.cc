#include "lethe/text/word_level.h"

#include "lethe/base/error.h"
#include "lethe/text/byte_level.h"

namespace lethe::text {

WordLevel::WordLevel(const Json& model, const std::string& where)
    : Model(Vocabulary(json_field(model, "vocab", where), where)),
      where_(where),
      unk_token_(json_string(model, "unk_token", where)),
      unk_id_(vocabulary_.find(unk_token_)) {}

void WordLevel::encode(std::string_view word, bool raw_bytes, Scratch& scratch, std::vector<int32_t>& ids) const {
  if (raw_bytes) {
    scratch.word.clear();
    append_byte_characters(scratch.word, word);
    word = scratch.word;
  }
  int32_t id = vocabulary_.find(word);
  if (id == Vocabulary::kNone) id = unk_id_;
  check(id != Vocabulary::kNone, "{}: neither the word \"{}\" nor the unknown token \"{}\" is in its vocabulary",
        where_, word, unk_token_);
  ids.push_back(id);
}

}  // namespace lethe::text
