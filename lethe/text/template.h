// How a prompt and its answer become one example.
//
//   none     the prompt with the tokenizer's default special tokens, then a space and the answer without, tokenised
//            apart
//   alpaca   Stanford Alpaca's instruction header around the prompt, the answer behind "### Response:\n", tokenised
//            apart
//   chat     a user's message and the assistant's in the model's own template (chat.h), system message and end of turn
//            included, with ids as transformers' apply_chat_template gives them; the end of the turn is a target too
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lethe/text/chat.h"
#include "lethe/text/example.h"
#include "lethe/text/tokenizer.h"

namespace lethe::text {

enum class TemplateKind { kNone, kAlpaca, kChat };

struct Template {
  TemplateKind kind = TemplateKind::kNone;
  std::string model_name = {};  // the model's type or path: for chat, where the tokenizer does not tell the family
};

TemplateKind parse_template(std::string_view name);  // none, alpaca, chat; else a UsageError

// Only the answer is a target. The ids before it are encode_prompt's (for chat: unless the answer begins with a
// character that the tokenizer joins with what stands before). Error: an answer without tokens.
Example encode_pair(const Tokenizer& tokenizer, const Template& format, std::string_view prompt,
                    std::string_view answer);

// What a model is to go on from: the same without the answer.
std::vector<int32_t> encode_prompt(const Tokenizer& tokenizer, const Template& format, std::string_view prompt);

// A conversation in the model's chat template; only what the assistant says is a target, and what follows the last of
// it is left out, since nothing would look at it. Error: no message of the assistant.
Example encode_messages(const Tokenizer& tokenizer, const Template& format, std::span<const Message> messages);
// The conversation so far and the opening of the assistant's next turn.
std::vector<int32_t> encode_prompt(const Tokenizer& tokenizer, const Template& format,
                                   std::span<const Message> messages);

// `prompt` with the default special tokens and no target, `completion` as it is, without special tokens.
Example encode_apart(const Tokenizer& tokenizer, std::string_view prompt, std::string_view completion);

// Stanford Alpaca's header; without input its shorter form.
std::string alpaca_prompt(std::string_view instruction, std::string_view input);

}  // namespace lethe::text
