// Files of text and conversations as examples: for fine-tuning, pretraining and perplexity.
//
// A .txt file is one text: tokenised whole, cut into windows of max_seq_length. A .jsonl file holds one record a line
// (a .json file a list of them, or lines), each with the fields of one of
//
//   {"input_ids", "labels"?}               labels: -100 is no target; without labels every token is one
//   {"messages": [{"role", "content"}]}    the model's chat template; what the assistant says are the targets
//   {"prompt", "completion"}               joined as they are (no space between), tokenised apart; the completion is
//                                          the target
//   {"instruction", "input"?, "output"}    the chat template where `format` is chat, else Alpaca's header and, as in
//                                          its training, the end-of-text token behind the output; the output is the
//                                          target
//   {"text"}                               with the default special tokens; every token is a target
//
// A record longer than max_seq_length is cut at its end. Errors (lethe::Error) name file, line, field, value and what
// was expected; a record without any target (an empty completion, every label -100, all targets cut off) is one.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "lethe/base/file.h"
#include "lethe/text/example.h"
#include "lethe/text/template.h"
#include "lethe/text/tokenizer.h"

namespace lethe::text {

struct DatasetOptions {
  Template format = {};
  int64_t max_seq_length = 0;  // 0: no limit
  int64_t vocab_size = 0;      // of the model, for input_ids; 0: not known
  int64_t positions = 0;       // of the model: a longer record, after the cut, is an error; 0: not known
  bool add_eos_token = false;  // the end-of-text token behind texts and completions, as one more target
  bool plain = false;          // for pretraining: a record some of whose tokens are no targets is an error
};

struct Dataset {
  std::vector<Example> examples;   // at least one, each with at least one target
  bool uses_template = false;      // a record is an instruction, or a conversation and `format` is chat
  bool eos_added = false;          // add_eos_token had a text or a completion to stand behind
  std::vector<int64_t> truncated;  // the indices of those that were cut, ascending
};

// Asked when there is a text, and only then; null where the model has no tokenizer: input_ids records alone can be
// used.
using TokenizerSource = std::function<const Tokenizer*()>;
Dataset read_examples(const fs::path& path, const TokenizerSource& tokenizer, const DatasetOptions& options);

// Opens it when it is first asked for; `open` gives none where the model has none.
TokenizerSource opened_when_needed(std::function<std::optional<Tokenizer>()> open);

}  // namespace lethe::text
