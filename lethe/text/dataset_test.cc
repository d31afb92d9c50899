#include "lethe/text/dataset.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"
#include "lethe/base/interrupt.h"
#include "lethe/text/tiny_tokenizer.h"
#include "tests/temp_dir.h"

using namespace lethe;
using namespace lethe::text;
using Ids = std::vector<int32_t>;

namespace {

const Tokenizer& tokenizer() {
  static const Tokenizer it = tiny_tokenizer({"<s>", "</s>", "<|im_start|>", "<|im_end|>"},
                                             {{"bos_token", "<s>"}, {"eos_token", "</s>"}}, "<s>");
  return it;
}

Dataset read(const std::string& text, const DatasetOptions& options = {}, const char* name = "data.jsonl",
             const Tokenizer* with = &tokenizer()) {
  TempDir dir;
  write_file(dir / name, text);
  return read_examples(
      dir / name, [with] { return with; }, options);
}

Example one(const std::string& line, const DatasetOptions& options = {}) { return read(line, options).examples.at(0); }

std::string shown(const Example& example) {  // targets in brackets: text[target]
  std::string text;
  bool inside = false;
  for (size_t i = 0; i < example.ids.size(); ++i) {
    const bool target = example.labels[i] != kNoTarget;
    if (target != inside) text += target ? "[" : "]";
    inside = target;
    text += tokenizer().decode(std::span(example.ids).subspan(i, 1));
  }
  return text + (inside ? "]" : "");
}

void wrong(const std::string& text, const char* message, const DatasetOptions& options = {},
           const char* name = "data.jsonl") {
  CHECK_THROWS_WITH_AS(read(text, options, name), doctest::Contains(message), Error);
}

}  // namespace

TEST_CASE("records of every kind and their targets") {
  CHECK(shown(one(R"({"text":"ab c"})")) == "<s>[ab c]");
  CHECK(shown(one(R"({"prompt":"ab","completion":" cd","id":7})")) == "<s>ab[ cd]");
  CHECK(shown(one(R"({"instruction":"Do.","input":"it","output":"done"})"))
            .ends_with("### Input:\nit\n\n### Response:\n[done</s>]"));
  CHECK(shown(one(R"({"instruction":"Do.","output":"done"})"))
            .ends_with("### Instruction:\nDo.\n\n### Response:\n[done</s>]"));
  const DatasetOptions chat{.format = {TemplateKind::kChat}};
  CHECK(shown(one(R"({"instruction":"Do.","input":"it","output":"done"})", chat)) ==
        "<|im_start|>user\nDo.\nit<|im_end|>\n<|im_start|>assistant\n[done<|im_end|>]");
  CHECK(
      shown(one(
          R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]})")) ==
      "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n[b<|im_end|>]");
  const Example ids = one(R"({"input_ids":[5,6,7]})");
  CHECK(ids.ids == Ids{5, 6, 7});
  CHECK(ids.labels == Ids{kNoTarget, 6, 7});
  CHECK(one(R"({"input_ids":[5,6,7],"labels":[5,-100,9]})").labels == Ids{kNoTarget, kNoTarget, 9});
}

TEST_CASE("the end-of-text token behind texts and completions, where it is asked for") {
  const DatasetOptions end{.add_eos_token = true};
  CHECK(shown(one(R"({"text":"ab c"})", end)) == "<s>[ab c</s>]");
  CHECK(shown(one(R"({"prompt":"ab","completion":" cd"})", end)) == "<s>ab[ cd</s>]");
  CHECK(shown(read("abcdef", {.max_seq_length = 4, .add_eos_token = true}, "data.txt").examples.at(1)) == "d[ef</s>]");
  CHECK(read(R"({"text":"ab"})", end).eos_added);
  const Dataset instruction = read(R"({"instruction":"Do.","output":"done"})", end);  // has one of its own
  CHECK(shown(instruction.examples[0]).ends_with("[done</s>]"));
  CHECK_FALSE(instruction.eos_added);
  const Dataset full = read("abcdefg", {.max_seq_length = 4, .add_eos_token = true}, "data.txt");  // 8 tokens and it
  REQUIRE(full.examples.size() == 3);
  CHECK(shown(full.examples[2]) == "g[</s>]");
  wrong("", "data.txt: 1 tokens", end, "data.txt");
  wrong(R"({"prompt":"ab","completion":""})", "line 1: none of the 3 tokens is a target", end);
  wrong(R"({"text":""})", "line 1: none of the 1 tokens is a target", end);
}

TEST_CASE("lines, blank lines, a byte order mark, and lists in .json") {
  CHECK(read("\xEF\xBB\xBF{\"text\":\"ab\"}\r\n\n{\"text\":\"cd\"}").examples.size() == 2);
  CHECK(read(R"([{"text":"ab"},{"text":"cd"}])", {}, "data.json").examples.size() == 2);
  CHECK(read("{\"text\":\"ab\"}\n{\"text\":\"cd\"}\n", {}, "data.json").examples.size() == 2);
}

TEST_CASE("a text is cut into windows") {
  const Dataset whole = read("abcdefg", {}, "data.txt");
  REQUIRE(whole.examples.size() == 1);
  CHECK(shown(whole.examples[0]) == "<s>[abcdefg]");
  const Dataset cut = read("abcdefgh", {.max_seq_length = 4}, "data.txt");  // 9 tokens: 4, 4 and 1, which has no target
  REQUIRE(cut.examples.size() == 2);
  CHECK(shown(cut.examples[0]) == "<s>[abc]");
  CHECK(shown(cut.examples[1]) == "d[efg]");
  CHECK(read("abcdefghi", {.max_seq_length = 4}, "data.txt").examples.size() == 3);
  wrong("", "data.txt: 1 tokens, expected text of at least 2", {}, "data.txt");
  CHECK_THROWS_WITH_AS(read("abc", {.max_seq_length = 1}, "data.txt"),
                       doctest::Contains("maximal sequence length is 1, expected 2 or more"), UsageError);
}

TEST_CASE("a file of facts is sent to update") {
  wrong(R"({"prompt":"ab","old":"c","new":"d"})",
        "data.jsonl, line 1: a fact with a new answer; to learn facts use `lethe");
}

TEST_CASE("long records are cut and counted") {
  const Dataset cut = read("{\"text\":\"a\"}\n{\"prompt\":\"ab\",\"completion\":\"cdef\"}", {.max_seq_length = 4});
  CHECK(cut.truncated == std::vector<int64_t>{1});
  CHECK(shown(cut.examples[1]) == "<s>ab[c]");
  wrong("{\"text\":\"abc\"}\n{\"prompt\":\"abcd\",\"completion\":\"ef\"}",
        "data.jsonl, line 2: all 2 targets lie behind the first 4 tokens", {.max_seq_length = 4});
}

TEST_CASE("only ids need no tokenizer") {
  CHECK(read(R"({"input_ids":[1,2]})", {}, "data.jsonl", nullptr).examples.size() == 1);
  CHECK_THROWS_WITH_AS(read(R"({"text":"a"})", {}, "data.jsonl", nullptr),
                       doctest::Contains("line 1: text needs a tokenizer"), Error);
  CHECK_THROWS_WITH_AS(read("a", {}, "data.txt", nullptr), doctest::Contains("data.txt: text needs a tokenizer"),
                       Error);
}

TEST_CASE("wrong records: file, line, field, value, what was expected") {
  wrong("", "data.jsonl: empty, expected records");
  wrong("\n \n", "data.jsonl: empty, expected records");
  wrong("[]", "data.json: empty, expected records", {}, "data.json");
  wrong("[{\"text\":\"ab\"},3]", "data.json, index 1: found 3, expected an object", {}, "data.json");
  wrong("{\"text\":\"ab\"}\n{\"text\":", "data.jsonl, line 2: not valid JSON");
  wrong("[1]", "line 1: found [1], expected an object");
  wrong("{\"a\":1}", "line 1: no known fields, expected those of one of {\"text\"}");
  wrong("{\"text\":null}", "no known fields");
  wrong("{\"text\":3}", "line 1: \"text\" is 3, expected a string");
  wrong("{\"text\":" + std::string(100000, '[') + std::string(100000, ']') + "}",
        "line 1: lists and objects are nested deeper than 64");
  wrong("{\"text\":[1,2]}", "\"text\" is [1,2], expected a string");
  wrong("{\"text\":\"\"}", "line 1: none of the 1 tokens is a target");
  wrong("{\"prompt\":\"a\"}", "the field \"completion\" is missing");
  wrong("{\"completion\":\"a\"}", "the field \"prompt\" is missing");
  wrong("{\"prompt\":\"a\",\"completion\":\"\"}", "none of the 2 tokens is a target");
  wrong("{\"instruction\":\"a\"}", "the field \"output\" is missing");
  wrong("{\"instruction\":\"a\",\"output\":\"\"}", "\"output\" is empty, expected text");
  wrong("{\"instruction\":\"a\",\"output\":\"b\",\"input\":[]}", "\"input\" is [], expected a string");
  wrong("{\"messages\":\"a\"}", "\"messages\" is \"a\", expected a list of {\"role\", \"content\"}");
  wrong("{\"messages\":[]}", "line 1: a conversation without messages");
  wrong("{\"messages\":[\"a\"]}", "line 1, message 0: found \"a\", expected an object");
  wrong("{\"messages\":[{\"role\":\"user\"}]}", "line 1, message 0: the field \"content\" is missing");
  wrong("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}",
        "line 1: a conversation without a message of the assistant");
}

TEST_CASE("a model without a known chat template") {
  const Tokenizer bare = tiny_tokenizer({});
  const auto unknown = [&](const char* record) {
    CHECK_THROWS_WITH_AS(read(record, {.format = {TemplateKind::kChat}}, "data.jsonl", &bare),
                         doctest::Contains("line 1: the chat template of this model"), Error);
  };
  unknown(R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]})");
  unknown(R"({"instruction":"a","output":"b"})");
}

TEST_CASE("wrong ids") {
  const DatasetOptions hundred{.vocab_size = 100};
  wrong(R"({"input_ids":[]})", "none of the 0 tokens is a target");
  wrong(R"({"input_ids":[5]})", "none of the 1 tokens is a target");
  wrong(R"({"input_ids":[5,6],"labels":[-100,-100]})", "none of the 2 tokens is a target");
  wrong(R"({"input_ids":[5,6],"labels":[5,-100]})", "none of the 2 tokens is a target");
  wrong(R"({"input_ids":[5,6],"labels":[5]})", "line 1: 1 labels, expected 2 as input_ids");
  wrong(R"({"input_ids":5})", "\"input_ids\" is 5, expected a list of integers");
  wrong(R"({"input_ids":[5,100]})", "\"input_ids\"[1] is 100, expected an id from 0 to 99", hundred);
  wrong(R"({"input_ids":[5,-100]})", "\"input_ids\"[1] is -100, expected an id from 0 to 99", hundred);
  wrong(R"({"input_ids":[5,6.5]})", "\"input_ids\"[1] is 6.5, expected an id");
  wrong(R"({"input_ids":[5,"6"]})", "\"input_ids\"[1] is \"6\", expected an id");
  wrong(R"({"input_ids":[5,18446744073709551615]})", "\"input_ids\"[1] is 18446744073709551615, expected an id");
  wrong(R"({"input_ids":[5,4294967301]})", "\"input_ids\"[1] is 4294967301, expected an id");
  wrong(R"({"input_ids":[5,6],"labels":[-100,100]})", "\"labels\"[1] is 100, expected -100 or an id from 0 to 99",
        hundred);
  wrong(R"({"input_ids":[5,6],"labels":[-100,-1]})", "\"labels\"[1] is -1, expected -100 or an id");
}

TEST_CASE("Ctrl-C ends the reading of records and of a long text") {
  raise_interrupt();
  CHECK_THROWS_WITH_AS(read(R"({"input_ids":[1,2]})", {}, "data.jsonl", nullptr),
                       doctest::Contains("interrupted while reading"), Interrupted);
  CHECK_THROWS_WITH_AS(read("ab", {}, "data.txt"), "interrupted while tokenising", Interrupted);
  clear_interrupt();
  CHECK(read("ab", {}, "data.txt").examples.size() == 1);
}

TEST_CASE("files of another kind") {
  CHECK_THROWS_WITH_AS(read_examples("data.parquet", {}, {}),
                       doctest::Contains("data.parquet: expected a file of text"), Error);
  CHECK_THROWS_WITH_AS(read_examples("/no/such.txt", {}, {}), doctest::Contains("/no/such.txt"), Error);
}
