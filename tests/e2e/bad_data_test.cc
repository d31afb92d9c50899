// Facts, texts and records that cannot be used: the message names the file, the place and what was expected, and
// nothing is written.
#include <doctest/doctest.h>

#include "tests/e2e/bad_input.h"

namespace {

namespace fs = lethe::fs;

const char* const kFact = "{\"prompt\": \"The cat is\", \"old\": \"red\", \"new\": \"big\"}\n";

// A file, and what commands that read it say.
struct Data {
  const TempDir dir;
  const fs::path out = dir / "out";
  std::string model;

  explicit Data(const std::string& family = "llama") : model(copy_model(dir, family).string()) {}
  std::string write(const std::string& name, const std::string& text) const {
    lethe::write_file(dir / name, text);
    return (dir / name).string();
  }
  // `update` and `evaluate` of these facts.
  void check_facts(const std::string& text, std::vector<std::string> parts,
                   const std::string& name = "facts.jsonl") const {
    CAPTURE(text);
    const std::string file = write(name, text);
    parts.push_back(file);
    check_fails(1, {"evaluate", model, file}, parts);
    check_fails(1, {"update", model, file, "--out", out.string()}, parts);
    CHECK_FALSE(fs::exists(out));
  }
  // `finetune` and `perplexity` of these examples.
  void check_examples(const std::string& text, std::vector<std::string> parts,
                      const std::string& name = "data.jsonl") const {
    CAPTURE(text);
    const std::string file = write(name, text);
    parts.push_back(file);
    check_fails(1, {"perplexity", model, file}, parts);
    check_fails(1, {"finetune", model, file, "--method", "full", "--out", out.string()}, parts);
    CHECK_FALSE(fs::exists(out));
  }
};

TEST_CASE("facts: empty files and broken JSON") {
  const Data data;
  data.check_facts("", {"empty, expected facts"});
  data.check_facts(" \n\n", {"empty, expected facts"});
  data.check_facts("[]", {"empty list"}, "facts.json");
  data.check_facts("[{\"prompt\": \"x\"", {"byte 15 of 15"}, "facts.json");
  data.check_facts(std::string(kFact) + "{\"prompt\": \"x\", \"ne", {"index 1 (line 2)"});
  data.check_facts("{\"prompt\": \"x\", \"prompt\": \"y\", \"new\": \"z\"}", {"\"prompt\"", "twice"});
  data.check_facts("{\"prompt\": \"\xFF\", \"old\": \"a\", \"new\": \"z\"}", {"line 1"});
  data.check_facts(std::string(70000, '['), {"nested"}, "facts.json");
  data.check_facts("42\n", {"CSV"});
  data.check_facts("[1, 2]", {"index 0", "number", "expected an object"}, "facts.json");
  data.check_facts("\x1F\x8B\x08", {"JSON", "CSV"});
  check_fails(1, {"evaluate", data.model, (data.dir / "none.json").string()}, {"none.json", "No such file"});
  check_fails(1, {"evaluate", data.model, data.dir.path().string()}, {"directory"});
}

TEST_CASE("facts: records without a field, or with one of another kind") {
  const Data data;
  data.check_facts(std::string(kFact) + "{\"prompt\": \"x\", \"old\": \"y\"}",
                   {"index 1 (line 2)", "\"new\" is missing"});
  data.check_facts("{\"new\": \"x\", \"old\": \"y\"}", {"index 0", "\"prompt\" is missing"});
  data.check_facts("{\"src\": \"x\", \"pred\": \"y\", \"loc\": \"z\"}", {"\"alt\" is missing", "ZsRE"});
  data.check_facts("{\"prompt\": \"x\", \"ground_truth\": \"y\"}", {"\"target_new\" is missing"});
  data.check_facts("{\"requested_rewrite\": {\"prompt\": \"{} is\", \"subject\": \"x\"}}",
                   {"requested_rewrite", "target_new"});
  data.check_facts("{\"a\": 1}", {"index 0", "no field of a known format"});
  data.check_facts("{\"instruction\": \"x\", \"output\": \"y\"}", {"--old-file", "--new-file"});
  data.check_facts("{\"prompt\": 3, \"old\": \"y\", \"new\": \"z\"}", {"\"prompt\" is 3", "string"});
  data.check_facts("{\"prompt\": \"x\", \"old\": \"y\", \"new\": null}", {"\"new\" is missing"});
  data.check_facts("{\"prompt\": \"x\", \"old\": \"y\", \"new\": \"z\", \"rephrase\": [1]}", {"\"rephrase\" holds 1"});
  data.check_facts("{\"prompt\": \"x\", \"old\": \"y\", \"new\": \"z\", \"locality\": [{\"prompt\": \"p\"}]}",
                   {"\"locality\"[0]", "\"answer\""});
  data.check_facts("prompt,new\n\"x,y\n", {"line"}, "facts.csv");
  data.check_facts("prompt,old,new\nx,y\n", {"line 2"}, "facts.csv");
  data.check_facts("prompt,old,new\n", {"a header line and nothing else"}, "facts.csv");
}

TEST_CASE("facts: an answer with no tokens, and no old answer to forget") {
  const Data data;
  data.check_facts("{\"prompt\": \"x\", \"old\": \"y\", \"new\": \" \\n\\t \"}", {"index 0", "\"new\" is blank"});
  data.check_facts("{\"prompt\": \"  \", \"old\": \"y\", \"new\": \"z\"}", {"\"prompt\" is blank"});
  data.check_facts(
      "{\"prompt\": \"x\", \"old\": \"y\", \"new\": \"z\", \"locality\": [{\"prompt\": \"p\", \"answer\": \" \"}]}",
      {"\"locality\"[0]", "blank"});
  const std::string facts = data.write("facts.jsonl", std::string(kFact) + "{\"prompt\": \"x\", \"new\": \"z\"}\n");
  check_fails(1, {"update", data.model, facts, "--out", data.out.string()},
              {facts, "index 1 (line 2)", "no old answer", "--old from-model", "--method ft"});
  CHECK_FALSE(fs::exists(data.out));
  check_works({"update", data.model, facts, "--out", data.out.string(), "--method", "ft", "--max-steps", "1"});

  // A tokenizer that drops what it does not know leaves nothing of this answer.
  const fs::path tokenizer = fs::path(data.model) / "tokenizer.json";
  lethe::Json json = lethe::read_json(tokenizer);
  json["normalizer"] = {{"type", "Replace"}, {"pattern", {{"Regex", "[ z]"}}}, {"content", ""}};
  lethe::write_file(tokenizer, json.dump());
  fs::remove_all(data.out);
  data.check_facts(std::string(kFact) + "{\"prompt\": \"x\", \"old\": \"y\", \"new\": \"z\"}\n",
                   {"index 1 (line 2)", "\"z\"", "no token"});
}

TEST_CASE("facts: pairs of Alpaca files that do not fit together") {
  const Data data;
  const std::string one = data.write("one.json", "[{\"instruction\": \"a\", \"output\": \"b\"}]");
  const std::string two = data.write(
      "two.json", "[{\"instruction\": \"a\", \"output\": \"c\"}, {\"instruction\": \"d\", \"output\": \"e\"}]");
  const std::string other = data.write("other.json", "[{\"instruction\": \"z\", \"output\": \"c\"}]");
  const auto fails = [&](int status, std::vector<std::string> options, const std::vector<std::string>& parts) {
    std::vector<std::string> arguments = {"update", data.model, "--out", data.out.string()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    check_fails(status, arguments, parts);
    CHECK_FALSE(fs::exists(data.out));
  };
  fails(1, {"--old-file", one, "--new-file", two}, {one, two, "1 records", "2"});
  fails(1, {"--old-file", one, "--new-file", other}, {other, "instruction", "\"z\"", "\"a\""});
  fails(2, {"--old-file", one}, {"--new-file"});
  fails(2, {"--old-file", one, "--new-file", two, "--facts", one}, {"FACTS"});
  fails(2, {}, {"FACTS", "--old-file"});
}

TEST_CASE("facts: sequences beyond the positions") {
  std::string words;
  for (int i = 0; i < 70; ++i) words += "word ";
  for (const char* family : {"gpt2", "llama"}) {
    const Data data(family);
    const std::string positions = family == std::string("gpt2") ? "40 positions" : "64 positions";
    data.check_facts(std::string(kFact) + "{\"prompt\": \"" + words + "\", \"old\": \"y\", \"new\": \"z\"}",
                     {"index 1 (line 2)", positions});
    data.check_facts("{\"prompt\": \"x\", \"old\": \"y\", \"new\": \"" + words + "\"}",
                     {"index 0 (line 1)", positions});
    data.check_facts("{\"prompt\": \"x\", \"old\": \"y\", \"new\": \"z\", \"rephrase\": [\"" + words + "\"]}",
                     {"index 0 (line 1)", positions});
    check_fails(1, {"generate", data.model, "--prompt", words}, {positions});
    const std::string texts = data.write("texts.jsonl", "{\"text\": \"a b\"}\n{\"text\": \"" + words + "\"}");
    check_fails(1, {"perplexity", data.model, texts}, {texts, "line 2", positions, "--max-seq-length"});
  }
}

TEST_CASE("examples: what cannot be learned from, or scored") {
  const Data data;
  data.check_examples("", {"empty"});
  data.check_examples("", {"tokens"}, "data.txt");
  data.check_examples("{\"text\": \"a b\"}\n{\"text\": ", {"line 2"});
  data.check_examples("{\"text\": \"a b\"}\n{\"x\": 1}", {"line 2", "no known fields"});
  data.check_examples("{\"prompt\": \"a\"}", {"line 1", "\"completion\" is missing"});
  data.check_examples("{\"prompt\": \"a\", \"completion\": \"\"}", {"line 1", "target"});
  data.check_examples("{\"input_ids\": [1, 2, 3], \"labels\": [-100, -100, -100]}", {"line 1", "none of the 3 tokens"});
  data.check_examples("{\"input_ids\": [1, 2, 3], \"labels\": [1, -100, -100]}", {"line 1", "none of the 3 tokens"});
  data.check_examples("{\"input_ids\": [1, 2, 3], \"labels\": [1, 2]}", {"line 1", "2 labels", "3"});
  data.check_examples("{\"input_ids\": [1, 288]}", {"line 1", "\"input_ids\"[1] is 288", "0 to 287"});
  data.check_examples("{\"input_ids\": [1, -1]}", {"\"input_ids\"[1] is -1"});
  data.check_examples("{\"input_ids\": [1, 2.5]}", {"\"input_ids\"[1] is 2.5"});
  data.check_examples("{\"input_ids\": [1, 2], \"labels\": [1, 288]}", {"\"labels\"[1] is 288"});
  data.check_examples("{\"input_ids\": []}", {"line 1"});
  data.check_examples("{\"input_ids\": [5]}", {"line 1"});
  data.check_examples("{\"messages\": []}", {"line 1"});
  data.check_examples("{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}", {"line 1"});
  data.check_examples("{\"messages\": [{\"role\": \"user\"}]}", {"line 1, message 0", "content"});
  data.check_examples("x", {".jsonl"}, "data.parquet");
  const std::string ids = data.write("ids.jsonl", "{\"input_ids\": [1, 2, 3, 4], \"labels\": [-100, -100, -100, 4]}");
  check_fails(1, {"perplexity", data.model, ids, "--max-seq-length", "3"}, {ids, "line 1", "3 tokens"});
  check_fails(1, {"perplexity", data.model, ids, "--max-seq-length", "65"}, {"--max-seq-length 65", "64 positions"});
  check_fails(1, {"finetune", data.model, ids, "--max-seq-length", "65", "--out", data.out.string()},
              {"--max-seq-length 65", "64 positions"});
  check_fails(2, {"perplexity", data.model, ids, "--max-seq-length", "1"}, {"1"});
  CHECK_FALSE(fs::exists(data.out));
}

TEST_CASE("tokenize and generate: ids and texts that are none") {
  const Data data;
  const std::string lines = data.write("lines.jsonl", "{\"text\": \"a\"}\n{\"texts\": \"b\"}\n");
  check_fails(2, {"tokenize", data.model, "--decode", "1,x"}, {"--decode", "1,x"});
  check_fails(1, {"tokenize", data.model, "--file", "no/such.txt"}, {"no/such.txt"});
  check_fails(1, {"generate", data.model, "--prompt-ids", "288"}, {"288"});
  check_fails(2, {"generate", data.model, "--prompt-ids", "-1"}, {"-1"});
  check_fails(1, {"generate", copy_model(data.dir, "gpt2").string(), "--prompt", ""}, {"no tokens"});
  const Run run = run_lethe({"tokenize", data.model, "--jsonl", lines});
  CHECK(run.status == 1);
  CHECK(contains(run.err, "lines.jsonl:2"));
  CHECK(contains(run.err, "text"));
}

}  // namespace
