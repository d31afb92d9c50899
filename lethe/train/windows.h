// Pretraining's data: entries (texts, each with the end-of-text token behind it) in a new random order every pass, end
// to end, cut into windows; attention spans the window. Source: Physics of Language Models 3.1, appendix C. Mixed
// training: a share of the windows is cut from a second stream, of questions; a window is all of one kind.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "lethe/text/tokenizer.h"
#include "lethe/train/source.h"

namespace lethe::train {

// The endless text: position 0 is the first token of the first pass. A pure function of (entries, seed, name).
class TokenStream {
 public:
  TokenStream(std::vector<std::vector<int32_t>> entries, uint64_t seed, const std::string& name);
  bool empty() const { return tokens_ == 0; }
  int64_t pass_tokens() const { return tokens_; }
  std::vector<int32_t> read(int64_t position, int64_t count);

 private:
  void begin_pass(int64_t pass);

  std::vector<std::vector<int32_t>> entries_;
  uint64_t seed_;
  std::string name_;
  int64_t tokens_ = 0, pass_ = -1;
  std::vector<int32_t> order_;
  std::vector<int64_t> begin_;  // of order_[i] in the pass
};

// Whole words chosen with `rate`, one of a window in which chance chose none; of the chosen tokens 80 % become
// `mask_id`, 10 % a random token, 10 % stay; all are to be recovered where they stand. Source: BERT, and appendix H.
struct MaskedWords {
  double rate = 0.15;
  int32_t mask_id = -1;
  std::vector<bool> starts_word;  // by id; false: goes on with the word before, if there is one
  int32_t separator = -1;         // never chosen: the end-of-text token; behind it a word begins, whatever the token
};

// By id, up to `vocab_size`: whether a word begins with this token. It has a space before it, or begins with a mark.
std::vector<bool> word_starts(const text::Tokenizer& tokenizer, int64_t vocab_size);

class Windows : public Source {
 public:
  struct Settings {
    int64_t window = 256, micro_batch = 16, micro_batches = 1;
    double mixed = 0;  // QAr: the share of windows cut from the questions
    uint64_t seed = 0;
  };
  Windows(std::vector<std::vector<int32_t>> entries, std::vector<std::vector<int32_t>> questions, Settings settings);
  // Masks words in place of predicting what follows: for models that are not causal.
  void mask_words(MaskedWords masked) { masked_ = std::move(masked); }

  int64_t steps_per_epoch() const override;  // of a pass over the entries
  int64_t steps_of(double passes) const;
  double passes_of(int64_t steps) const;
  std::vector<model::Batch> batches(int64_t step) override;

 private:
  void add_window(int64_t index, model::Batch& batch);
  double entry_tokens_per_step() const;

  TokenStream entries_, questions_;
  Settings settings_;
  MaskedWords masked_;
};

}  // namespace lethe::train
