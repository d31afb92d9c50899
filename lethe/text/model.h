// A tokenizer's model: one word (what the pre-tokenizer cut) to ids.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lethe/base/json.h"
#include "lethe/text/vocabulary.h"
#include "lethe/text/word_cache.h"

namespace lethe::text {

// What a call of encode() needs besides its input; one for each thread, kept from call to call.
struct Scratch {
  struct Symbol {
    int32_t id;          // kNone once it was merged into the one before it
    int32_t prev, next;  // -1 at the ends
  };
  struct Candidate {
    uint32_t rank;
    int32_t position;  // of the left symbol
    int32_t id;        // of the token that the pair becomes
  };
  WordCache cache;
  std::vector<Symbol> symbols;
  std::vector<Candidate> candidates;  // a heap
  std::string word;
};

class Model {
 public:
  virtual ~Model() = default;
  // Appends the ids of `word`. With `raw_bytes` the word's bytes stand for their characters in GPT-2's alphabet of
  // bytes (byte_level.h), which spares writing them; it must be the same in every call with one scratch.
  virtual void encode(std::string_view word, bool raw_bytes, Scratch& scratch, std::vector<int32_t>& ids) const = 0;

  const Vocabulary& vocabulary() const { return vocabulary_; }

 protected:
  explicit Model(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}
  const Vocabulary vocabulary_;
};

// Throws Interrupted after Ctrl-C; called for each word, and where a whole text is one word, for its parts.
void stop_if_interrupted();

// BPE or WordLevel; `where` begins every error message.
std::unique_ptr<Model> make_model(const Json& model, const std::string& where);

}  // namespace lethe::text
