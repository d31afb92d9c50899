#include "lethe/text/template.h"

#include <algorithm>

#include "lethe/base/error.h"
#include "lethe/base/utf8.h"

namespace lethe::text {
namespace {

std::string with_space(std::string_view answer) {
  return fmt::format("{}{}", answer.starts_with(' ') ? "" : " ", answer);
}

// Adds the tokens of a text that goes on from what was encoded as `ids`: those that differ from there on are new.
void go_on(const Tokenizer& tokenizer, std::string& text, std::vector<int32_t>& ids, Example& example,
           std::string_view more, bool are_targets) {
  if (more.empty()) return;
  text += more;
  std::vector<int32_t> longer = tokenizer.encode(text, false);
  const auto kept = std::ranges::mismatch(ids, longer).in2 - longer.begin();
  example.truncate(example.size() - (std::ssize(ids) - kept));
  example.append(std::span(longer).subspan(static_cast<size_t>(kept)), are_targets);
  ids = std::move(longer);
}

void append_turn(const Tokenizer& tokenizer, const Turn& turn, Example& example) {
  std::string text;
  std::vector<int32_t> ids;
  go_on(tokenizer, text, ids, example, turn.before, false);
  go_on(tokenizer, text, ids, example, turn.answer, true);
  go_on(tokenizer, text, ids, example, turn.after, false);
}

}  // namespace

TemplateKind parse_template(std::string_view name) {
  if (name == "none") return TemplateKind::kNone;
  if (name == "alpaca") return TemplateKind::kAlpaca;
  if (name == "chat") return TemplateKind::kChat;
  fail_usage("--template is \"{}\", expected none, alpaca or chat", name);
}

std::string alpaca_prompt(std::string_view instruction, std::string_view input) {
  if (input.empty())
    return fmt::format(
        "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
        "### Instruction:\n{}\n\n### Response:\n",
        instruction);
  return fmt::format(
      "Below is an instruction that describes a task, paired with an input that provides further context. Write a "
      "response that "
      "appropriately completes the request.\n\n### Instruction:\n{}\n\n### Input:\n{}\n\n### Response:\n",
      instruction, input);
}

Example encode_apart(const Tokenizer& tokenizer, std::string_view prompt, std::string_view completion) {
  Example example;
  example.append(tokenizer.encode(prompt, true), false);
  example.append(tokenizer.encode(completion, false), true);
  return example;
}

Example encode_pair(const Tokenizer& tokenizer, const Template& format, std::string_view prompt,
                    std::string_view answer) {
  check(!answer.empty(), "the answer to \"{}\" is empty, expected text", shortened(prompt));
  if (format.kind == TemplateKind::kChat) {
    const Message messages[] = {{"user", std::string(prompt)}, {"assistant", std::string(answer)}};
    return encode_messages(tokenizer, format, messages);
  }
  Example example = format.kind == TemplateKind::kAlpaca ? encode_apart(tokenizer, alpaca_prompt(prompt, ""), answer)
                                                         : encode_apart(tokenizer, prompt, with_space(answer));
  check(example.target_count() > 0, "the answer \"{}\" to \"{}\" gives no token that could be a target",
        shortened(answer), shortened(prompt));
  return example;
}

std::vector<int32_t> encode_prompt(const Tokenizer& tokenizer, const Template& format, std::string_view prompt) {
  if (format.kind == TemplateKind::kNone) return tokenizer.encode(prompt, true);
  if (format.kind == TemplateKind::kAlpaca) return tokenizer.encode(alpaca_prompt(prompt, ""), true);
  const Message message{"user", std::string(prompt)};
  return encode_prompt(tokenizer, format, std::span(&message, 1));
}

Example encode_messages(const Tokenizer& tokenizer, const Template& format, std::span<const Message> messages) {
  std::vector<Turn> turns = render(chat_format(tokenizer, format.model_name), messages);
  while (!turns.empty() && turns.back().answer.empty()) turns.pop_back();
  check(!turns.empty(), "a conversation without a message of the assistant: nothing to learn from");
  turns.back().after.clear();
  Example example;
  for (const Turn& turn : turns) append_turn(tokenizer, turn, example);
  return example;
}

std::vector<int32_t> encode_prompt(const Tokenizer& tokenizer, const Template& format,
                                   std::span<const Message> messages) {
  std::vector<Message> so_far(messages.begin(), messages.end());
  so_far.push_back({"assistant", ""});
  std::vector<Turn> turns = render(chat_format(tokenizer, format.model_name), so_far);
  turns.back().answer.clear();
  turns.back().after.clear();
  Example example;
  for (const Turn& turn : turns) append_turn(tokenizer, turn, example);
  return example.ids;
}

}  // namespace lethe::text
