#include "lethe/text/template.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"
#include "lethe/base/file.h"
#include "lethe/text/tiny_tokenizer.h"

using namespace lethe;
using namespace lethe::text;
using Ids = std::vector<int32_t>;

namespace {

const fs::path kGolden = fs::path(__FILE__).parent_path().parent_path().parent_path() / "tests/golden/templates";
const Template kNone{.kind = TemplateKind::kNone};
const Template kAlpaca{.kind = TemplateKind::kAlpaca};
const Template kChat{.kind = TemplateKind::kChat};

Ids targets(const Example& example) {
  Ids ids;
  for (const int32_t label : example.labels)
    if (label != kNoTarget) ids.push_back(label);
  return ids;
}

std::vector<Message> to_messages(const Json& json) {
  std::vector<Message> messages;
  for (const Json& message : json) messages.push_back({message["role"], message["content"]});
  return messages;
}

}  // namespace

TEST_CASE("none: the prompt with default special tokens, a space and the answer without") {
  const Tokenizer tokenizer = tiny_tokenizer({"<s>"}, Json::object(), "<s>");
  const Example pair = encode_pair(tokenizer, kNone, "The king is", "Charles");
  CHECK(tokenizer.decode(pair.ids) == "<s>The king is Charles");
  CHECK(tokenizer.decode(targets(pair)) == " Charles");
  CHECK(pair.ids[0] == 0);
  const Ids prompt = encode_prompt(tokenizer, kNone, "The king is");
  CHECK(Ids(pair.ids.begin(), pair.ids.begin() + std::ssize(prompt)) == prompt);
  CHECK(pair.size() - std::ssize(prompt) == pair.target_count());
  CHECK(tokenizer.decode(targets(encode_pair(tokenizer, kNone, "p", " has a space"))) == " has a space");
}

TEST_CASE("alpaca: Stanford's header, with and without an input") {
  const Tokenizer tokenizer = tiny_tokenizer({});
  const Example pair = encode_pair(tokenizer, kAlpaca, "Name the king.", "Charles");
  const std::string prompt =
      "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
      "### Instruction:\nName the king.\n\n### Response:\n";
  CHECK(tokenizer.decode(pair.ids) == prompt + "Charles");
  CHECK(tokenizer.decode(targets(pair)) == "Charles");
  CHECK(tokenizer.decode(encode_prompt(tokenizer, kAlpaca, "Name the king.")) == prompt);
  CHECK(
      alpaca_prompt("a", "b").ends_with("further context. Write a response that appropriately completes the "
                                        "request.\n\n### Instruction:\na\n\n### Input:\nb\n\n### Response:\n"));
}

TEST_CASE("chat: ids and targets as transformers' apply_chat_template gives them") {
  for (const char* name : {"chatml", "llama2"}) {
    CAPTURE(name);
    const Tokenizer tokenizer = Tokenizer::load(kGolden / name);
    for (const Json& golden : read_json(kGolden / name / "cases.json")) {
      const std::vector<Message> messages = to_messages(golden["messages"]);
      const Example example = encode_messages(tokenizer, kChat, messages);
      // What follows the last target is left out.
      Ids ids = golden["ids"], labels = golden["labels"];
      while (labels.back() == kNoTarget) {
        ids.pop_back();
        labels.pop_back();
      }
      CHECK(example.ids == ids);
      CHECK(example.labels == labels);
      CHECK(encode_prompt(tokenizer, kChat, std::span(messages).first(messages.size() - 1)) ==
            golden["prompt_ids"].get<Ids>());
      if (messages.size() == 2) {
        const Example pair = encode_pair(tokenizer, kChat, messages[0].content, messages[1].content);
        CHECK(pair.ids == ids);
        CHECK(pair.labels == labels);
        CHECK(encode_prompt(tokenizer, kChat, messages[0].content) == golden["prompt_ids"].get<Ids>());
      }
    }
  }
}

TEST_CASE("chat: the model's name tells the family where the tokenizer does not") {
  const Tokenizer tokenizer = tiny_tokenizer({"<s>", "</s>"}, {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
  const Example pair = encode_pair(tokenizer, {TemplateKind::kChat, "mistral"}, "Who?", "Me");
  CHECK(tokenizer.decode(pair.ids) == "<s>[INST] Who? [/INST] Me</s>");
  CHECK(tokenizer.decode(targets(pair)) == " Me</s>");
  CHECK_THROWS_WITH_AS(encode_pair(tokenizer, {TemplateKind::kChat, "gpt2"}, "Who?", "Me"),
                       doctest::Contains("known family"), Error);
}

TEST_CASE("prompt and completion are joined as they are") {
  const Tokenizer tokenizer = tiny_tokenizer({"<s>"}, Json::object(), "<s>");
  const Example example = encode_apart(tokenizer, "ab", "cd");
  CHECK(tokenizer.decode(example.ids) == "<s>abcd");
  CHECK(tokenizer.decode(targets(example)) == "cd");
}

TEST_CASE("answers without tokens, conversations without an assistant, unknown names") {
  const Tokenizer tokenizer = tiny_tokenizer({"<|im_start|>", "<|im_end|>"});
  for (const Template& format : {kNone, kAlpaca, kChat})
    CHECK_THROWS_WITH_AS(encode_pair(tokenizer, format, "p", ""), doctest::Contains("the answer to \"p\" is empty"),
                         Error);
  CHECK_NOTHROW(encode_pair(tokenizer, kNone, "", "x"));  // the space before x is the context
  const std::vector<Message> asks = {{"user", "Who?"}};
  CHECK_THROWS_WITH_AS(encode_messages(tokenizer, kChat, asks), doctest::Contains("without a message of the assistant"),
                       Error);
  CHECK(parse_template("alpaca") == TemplateKind::kAlpaca);
  CHECK_THROWS_WITH_AS(parse_template("vicuna"), doctest::Contains("\"vicuna\", expected none, alpaca or chat"),
                       UsageError);
}
