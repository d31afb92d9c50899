// WordLevel: a word is a token or it is the unknown token.
#pragma once
#include "lethe/text/model.h"

namespace lethe::text {

class WordLevel : public Model {
 public:
  WordLevel(const Json& model, const std::string& where);
  void encode(std::string_view word, bool raw_bytes, Scratch& scratch, std::vector<int32_t>& ids) const override;

 private:
  std::string where_, unk_token_;
  int32_t unk_id_;
};

}  // namespace lethe::text
