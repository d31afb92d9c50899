// Post-processors: the special tokens that are put around a text's ids (<s> in front, for example).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "lethe/base/json.h"

namespace lethe::text {

class PostProcessor {
 public:
  // From "post_processor" of tokenizer.json, which may be null; only what is done to a single text is read. `where`
  // begins every error message.
  PostProcessor(const Json& json, const std::string& where);

  void add_special_tokens(std::vector<int32_t>& ids) const;

 private:
  // Ids to put in front and behind, around what the steps before made; a template may hold the text more than once.
  using Step = std::vector<std::vector<int32_t>>;  // the ids between the texts: n texts make n + 1 entries
  void add(const Json& json, const std::string& where);
  static Step read_template(const Json& json, const std::string& where);

  std::vector<Step> steps_;
};

}  // namespace lethe::text
