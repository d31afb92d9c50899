// Conversations as the texts that chat models were trained on. A family is told by the special tokens of its tokenizer
// (where its Jinja template uses them), else by that template, else by the model's name; Jinja is not interpreted.
//
//   ChatML    <|im_start|>role\ncontent<|im_end|>\n                               SmolLM2, Qwen2, ...
//   Llama 3   <|begin_of_text|><|start_header_id|>role<|end_header_id|>\n\ncontent<|eot_id|>
//   Llama 2   <s>[INST] <<SYS>>\nsystem\n<</SYS>>\n\nuser [/INST] assistant </s><s>[INST] user [/INST]
//   Mistral   <s>[INST] system\n\nuser [/INST] assistant</s>[INST] user [/INST]   v0.1, v0.2, Mixtral: [INST] is text
//             <s>[INST] user[/INST] assistant</s>[INST] user[/INST]               v0.3: [INST] is a token
//             <s>[INST]user[/INST]assistant</s>[INST]user[/INST]                  Nemo: the same, no SentencePiece
//
// Sources: the chat_template of the models' tokenizer_config.json on Hugging Face.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lethe/text/tokenizer.h"

namespace lethe::text {

struct Message {
  std::string role, content;
};

enum class ChatFamily { kChatMl, kLlama3, kLlama2, kMistral };

struct ChatFormat {
  ChatFamily family = ChatFamily::kChatMl;
  std::string begin = {};           // the token that opens a conversation (Llama 2: each of its turns), empty: none
  std::string end_of_turn = {};     // the token that ends an answer
  std::string system = {};          // the family's own system message where the conversation brings none, empty: none
  std::string system_heading = {};  // Llama 3.1: the dates that every system message begins with
  bool leading_space = false;       // Mistral: " [INST]", as newer templates of 7B v0.2 write it
  bool instruct_token = false;      // Mistral: [INST] is a token; the last user turn takes the system message
  bool instruct_spaces = true;      // Mistral: a space behind [INST] and [/INST]
};

// `model_name` (a model_type or a path) is the last resort. Error: nothing tells a known family.
ChatFormat chat_format(const Tokenizer& tokenizer, std::string_view model_name);

// A piece of the conversation's text that is tokenised on its own, since a special token stands on either side: a
// message, or a question with its answer. Only `answer` (end of turn included) is what the model should say.
struct Turn {
  std::string before, answer, after;
};

// Errors: no messages, a system message that is not the first, and for Llama 2 and Mistral roles that do not alternate.
std::vector<Turn> render(const ChatFormat& format, std::span<const Message> messages);

}  // namespace lethe::text
