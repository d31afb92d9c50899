#include "lethe/text/chat.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"
#include "lethe/text/tiny_tokenizer.h"

using namespace lethe;
using namespace lethe::text;

namespace {

const std::vector<Message> kShort = {{"user", " Hi"}, {"assistant", "Ho "}};
const std::vector<Message> kLong = {
    {"system", "Sys"}, {"user", "Hi"}, {"assistant", "Ho"}, {"user", "Who?"}, {"assistant", "I"}};

// The whole text; what is a target stands in [[ ]].
std::string rendered(const Tokenizer& tokenizer, const std::vector<Message>& messages, std::string_view name = "") {
  std::string whole;
  for (const Turn& turn : render(chat_format(tokenizer, name), messages))
    whole += turn.before + (turn.answer.empty() ? "" : "[[" + turn.answer + "]]") + turn.after;
  return whole;
}

Json config(const char* chat_template, const char* bos = "<s>", const char* eos = "</s>") {
  Json json = {{"bos_token", bos}, {"eos_token", eos}};
  if (*chat_template) json["chat_template"] = chat_template;
  return json;
}

}  // namespace

TEST_CASE("ChatML, with the template's own system message where it has one") {
  const std::vector<std::string> tokens = {"<|im_start|>", "<|im_end|>"};
  const Tokenizer plain = tiny_tokenizer(tokens);
  CHECK(rendered(plain, kShort) == "<|im_start|>user\n Hi<|im_end|>\n<|im_start|>assistant\n[[Ho <|im_end|>]]\n");
  const Tokenizer own =
      tiny_tokenizer(tokens, config("{{ '<|im_start|>system\n' + x }}{{ '<|im_start|>system\nBe kind.<|im_end|>\n' }}",
                                    "<|im_start|>", "<|im_end|>"));
  CHECK(rendered(own, kShort).starts_with("<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\n Hi<|im_end|>\n"));
  CHECK(rendered(own, kLong) ==
        "<|im_start|>system\nSys<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n[[Ho<|im_end|>]]\n"
        "<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n[[I<|im_end|>]]\n");
  const Tokenizer escaped = tiny_tokenizer(
      tokens, config("{{- '<|im_start|>system\\nYou are Qwen.<|im_end|>\\n' }}", "<|im_start|>", "<|im_end|>"));
  CHECK(chat_format(escaped, "").system == "You are Qwen.");
  const Tokenizer begins =
      tiny_tokenizer({"<s>", "<|im_start|>", "<|im_end|>"}, config("{{bos_token}}<|im_start|>", "<s>", "<|im_end|>"));
  CHECK(rendered(begins, kShort).starts_with("<s><|im_start|>user\n"));
}

TEST_CASE("Llama 3 and the dates of 3.1") {
  const std::vector<std::string> tokens = {"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
                                           "<|eot_id|>"};
  const Tokenizer plain = tiny_tokenizer(tokens, config("", "<|begin_of_text|>", "<|eot_id|>"));
  CHECK(rendered(plain, kShort) ==
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n[[Ho<|eot_id|>]]");
  CHECK(rendered(plain, kLong)
            .starts_with(
                "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nSys<|eot_id|><|start_header_id|>user"));
  const Tokenizer dated = tiny_tokenizer(
      tokens, config("<|start_header_id|> Cutting Knowledge Date: December 2023\n", "<|begin_of_text|>", "<|eot_id|>"));
  const std::string dates =
      "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\nToday "
      "Date: 26 Jul 2024\n\n";
  CHECK(rendered(dated, kShort).starts_with(dates + "<|eot_id|><|start_header_id|>user"));
  CHECK(rendered(dated, kLong).starts_with(dates + "Sys<|eot_id|><|start_header_id|>user"));
}

TEST_CASE("Llama 2") {
  const Tokenizer by_name = tiny_tokenizer({"<s>", "</s>"}, config(""));
  CHECK(rendered(by_name, kShort, "models/Llama-2-7b-chat") == "<s>[INST] Hi [/INST][[ Ho </s>]]");
  const Tokenizer by_template = tiny_tokenizer({"<s>", "</s>"}, config("[INST] <<SYS>>"));
  CHECK(rendered(by_template, kLong) ==
        "<s>[INST] <<SYS>>\nSys\n<</SYS>>\n\nHi [/INST][[ Ho </s>]]<s>[INST] Who? [/INST][[ I </s>]]");
}

TEST_CASE("Mistral, three generations") {
  const Tokenizer first = tiny_tokenizer({"<s>", "</s>"}, config(""));
  CHECK(rendered(first, kLong, "mistral") == "<s>[INST] Sys\n\nHi [/INST][[ Ho</s>]][INST] Who? [/INST][[ I</s>]]");
  const Tokenizer spaced = tiny_tokenizer({"<s>", "</s>"}, config("{{ ' [INST] ' + content + ' [/INST]' }}"));
  CHECK(rendered(spaced, kShort) == "<s> [INST]  Hi [/INST][[ Ho </s>]]");
  const Tokenizer third = tiny_tokenizer({"<s>", "</s>", "[INST]", "[/INST]", "<0x0A>"}, config(""));
  CHECK(rendered(third, kLong) == "<s>[INST] Hi[/INST][[ Ho</s>]][INST] Sys\n\nWho?[/INST][[ I</s>]]");
  const Tokenizer nemo = tiny_tokenizer({"<s>", "</s>", "[INST]", "[/INST]"}, config(""));
  CHECK(rendered(nemo, kLong) == "<s>[INST]Hi[/INST][[Ho</s>]][INST]Sys\n\nWho?[/INST][[I</s>]]");
  const std::vector<Message> asks = {{"system", "Sys"}, {"user", "Hi"}};
  CHECK(rendered(nemo, asks) == "<s>[INST]Sys\n\nHi[/INST]");
}

TEST_CASE("the template that a model uses goes before tokens that it merely has") {
  const Tokenizer both =
      tiny_tokenizer({"<|start_header_id|>", "<|im_start|>", "<|im_end|>"}, {{"chat_template", "<|im_start|>"}});
  CHECK(chat_format(both, "llama").family == ChatFamily::kChatMl);
}

TEST_CASE("unknown families and conversations that a family does not know") {
  const auto unknown = [](const Tokenizer& tokenizer, const char* name, const char* message) {
    CHECK_THROWS_WITH_AS(chat_format(tokenizer, name), doctest::Contains(message), Error);
  };
  unknown(tiny_tokenizer({}), "",
          "(it has none) is of no known family: known are ChatML, Llama 2, Llama 3 and Mistral");
  unknown(tiny_tokenizer({}), "gpt2", "(gpt2) is of no known family");
  unknown(tiny_tokenizer({}, {{"chat_template", "<|user|>"}}), "llama",
          "(told by its Jinja text) is of no known family");

  const ChatFormat llama2{.family = ChatFamily::kLlama2};
  const auto wrong = [](const ChatFormat& format, const std::vector<Message>& messages, const char* message) {
    CHECK_THROWS_WITH_AS(render(format, messages), doctest::Contains(message), Error);
  };
  wrong({}, {}, "without messages");
  wrong({}, {{"user", "a"}, {"system", "b"}}, "message 1 of a conversation is the system's");
  wrong(llama2, {{"system", "a"}}, "nothing but a system message");
  wrong(llama2, {{"user", "a"}, {"user", "b"}}, "message 1 of a conversation is the user's, expected the assistant's");
  wrong(llama2, {{"tool", "a"}}, "message 0 of a conversation is the tool's, expected the user's");
}
