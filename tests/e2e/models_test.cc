// tokenize, generate, perplexity and convert on the golden models, against what transformers and PEFT said of them.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>

#include "tests/e2e/bad_input.h"

namespace {

using lethe::Json;

const char* const kStories = "gguf/stories260K/model.gguf";

// The golden batch of a model as {"input_ids", "labels"} lines.
std::string batch_file(const TempDir& dir, const Json& golden_json) {
  std::string lines;
  for (size_t i = 0; i < golden_json["input_ids"].size(); ++i) {
    lines += Json{{"input_ids", golden_json["input_ids"][i]}, {"labels", golden_json["labels"][i]}}.dump() + "\n";
  }
  lethe::write_file(dir / "batch.jsonl", lines);
  return (dir / "batch.jsonl").string();
}

Run perplexity(const std::string& model, const std::string& file, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"perplexity", model, file, "--json", "--precision", "fp32"});
  return run_lethe(more);
}

TEST_CASE("tokenize: ids, tokens, and back") {
  const Json cases = lethe::read_json(golden("gguf/stories260K/golden.json"))["texts"];
  REQUIRE(cases.size() > 1);
  const TempDir dir;
  std::string lines, expected;
  for (const Json& text : cases) {
    lines += Json{{"text", text["text"]}}.dump() + "\n";
    expected += text["ids"].dump() + "\n";
  }
  lethe::write_file(dir / "texts.jsonl", lines);
  lethe::write_file(dir / "text.txt", cases[0]["text"].get<std::string>());

  const Run run = run_lethe({"tokenize", golden(kStories), cases[0]["text"], "--json"});
  CHECK(run.err.empty());
  REQUIRE(run.status == 0);
  CHECK(run.json()["ids"] == cases[0]["ids"]);
  CHECK(run.json()["tokens"].size() == cases[0]["ids"].size());
  CHECK(run.json()["tokens"][0] == "<s>");
  CHECK(run_lethe({"tokenize", golden(kStories), "--jsonl", (dir / "texts.jsonl").string()}).out == expected);
  CHECK(run_lethe({"tokenize", golden(kStories), "--file", (dir / "text.txt").string(), "--json"}).out == run.out);

  Json plain = cases[0]["ids"];
  plain.erase(plain.begin());
  CHECK(
      run_lethe({"tokenize", golden(kStories), cases[0]["text"], "--add_special_tokens=off", "--json"}).json()["ids"] ==
      plain);
  const std::string ids = plain.dump();
  const Run decoded = run_lethe({"tokenize", golden(kStories), "--decode", ids.substr(1, ids.size() - 2), "--json"});
  REQUIRE(decoded.status == 0);
  CHECK(decoded.json() == Json{{"text", cases[0]["text"]}});
  check_fails(1, {"tokenize", golden(kStories), "--decode", "3,99999999"}, {"id 99999999", "its largest is 511"});
}

TEST_CASE("tokenize: - is stdin") {
  const TempDir dir;
  const std::string text = (dir / "text").string(), out = (dir / "out").string();
  lethe::write_file(text, "{\"text\": \"one day\"}\n");
  for (const std::string option : {"--file", "--jsonl"}) {
    CAPTURE(option);
    const std::string command = std::string(LETHE_PROGRAM) + " tokenize " + golden(kStories) + " " + option;
    REQUIRE(std::system((command + " - < " + text + " > " + out).c_str()) == 0);
    CHECK(lethe::read_file(out) == run_lethe({"tokenize", golden(kStories), option, text}).out);
    CHECK_FALSE(lethe::read_file(out).empty());
  }
  CHECK(contains(run_lethe({"tokenize", "--help"}).out, "-: of stdin"));
}

TEST_CASE("tokenize: one input, and one only") {
  CHECK(run_lethe({"tokenize", golden(kStories)}).status == 2);
  CHECK(run_lethe({"tokenize", golden(kStories), "text", "--decode", "1"}).status == 2);
  const Run run = run_lethe({"tokenize", golden(kStories), "--decode", "1", "--add-special-tokens", "on"});
  CHECK(run.status == 2);
  CHECK(contains(run.err, "--add-special-tokens has no effect"));
}

TEST_CASE("generate: the greedy ids of transformers") {
  for (const char* name : {"models/llama", "models/gpt2"}) {
    const Json expected = lethe::read_json(golden(std::string(name) + "/golden.json"))["greedy"];
    const std::string ids = expected["prompt_ids"].dump();
    const Run run = run_lethe({"generate", golden(name), "--prompt-ids", ids.substr(1, ids.size() - 2), "--ignore-eos",
                               "--max-new-tokens", "12", "--precision", "fp32", "--json"});
    CAPTURE(run.err);
    REQUIRE(run.status == 0);
    CHECK(run.json() == Json{{"prompt_ids", expected["prompt_ids"]}, {"ids", expected["ids"]}, {"text", ""}});
  }
  const Json stories = lethe::read_json(golden("gguf/stories260K/golden.json"));
  const std::vector<std::string> arguments = {
      "generate", golden(kStories), "--prompt", stories["prompt"], "--max-new-tokens", "12", "--precision", "fp32"};
  CHECK(run_lethe(arguments).out == stories["text"].get<std::string>() + "\n");
}

TEST_CASE("generate: what is drawn depends on the seed alone") {
  const auto ids = [](const char* seed) {
    return run_lethe({"generate", golden("models/llama"), "--prompt-ids", "1,2,3", "--temperature", "1", "--seed", seed,
                      "--json"})
        .json()["ids"];
  };
  CHECK(ids("1") == ids("1"));
  CHECK(ids("1") != ids("2"));
}

TEST_CASE("generate: wrong arguments and prompts") {
  CHECK(run_lethe({"generate", golden("models/llama"), "--prompt-ids", "1", "--top-k", "5"}).status == 2);
  CHECK(run_lethe({"generate", golden("models/llama")}).status == 2);
  const Run text = run_lethe({"generate", golden("models/llama"), "--prompt", "no tokenizer here"});
  CHECK(text.status == 1);
  CHECK(contains(text.err, "tokenizer.json"));
  const Run beyond = run_lethe({"generate", golden("models/llama"), "--prompt-ids", "97"});
  CHECK(beyond.status == 1);
  CHECK(contains(beyond.err, "97"));
  const Run missing = run_lethe({"generate", "no/such/model", "--prompt", "x"});
  CHECK(missing.status == 1);
  CHECK(contains(missing.err, "no/such/model"));
}

TEST_CASE("perplexity: the losses of transformers, mean and by token") {
  for (const char* name : {"models/llama", "models/llama-tied", "models/gpt2", "models/llama-sharded"}) {
    const TempDir dir;
    const bool sharded = std::string(name) == "models/llama-sharded";
    const Json expected = lethe::read_json(golden(std::string(sharded ? "models/llama" : name) + "/golden.json"));
    const Run run = perplexity(golden(name), batch_file(dir, expected), {"--per-token"});
    CAPTURE(run.err);
    REQUIRE(run.status == 0);
    const Json result = run.json();
    CHECK(result["tokens"] == expected["targets"]);
    CHECK(std::abs(result["nll"].get<double>() - expected["loss"].get<double>()) < 1e-5);
    CHECK(result["perplexity"].get<double>() == doctest::Approx(std::exp(result["nll"].get<double>())));
    REQUIRE(result["records"].size() == expected["input_ids"].size());
    for (const Json& record : result["records"]) {
      CHECK(record["token_nll"].size() == record["tokens"]);
      double sum = 0;
      for (const Json& nll : record["token_nll"]) sum += nll.get<double>();
      CHECK(sum / record["tokens"].get<double>() == doctest::Approx(record["nll"].get<double>()));
    }
  }
}

TEST_CASE("what is given in ids needs no tokenizer, also not one that is broken") {
  const TempDir dir;
  const lethe::fs::path model = copy_model(dir);
  const std::string name = model.string(), ids = (dir / "ids.jsonl").string(), text = (dir / "text.jsonl").string();
  const std::vector<std::string> generate = {"generate",         name, "--prompt-ids", "1,2,3",
                                             "--max-new-tokens", "4",  "--json"};
  lethe::write_file(ids, "{\"input_ids\": [1, 2, 3, 4]}\n");
  lethe::write_file(text, "{\"input_ids\": [1, 2, 3, 4]}\n{\"text\": \"a cat\"}\n");
  const Json nll = check_works({"perplexity", name, ids, "--json"}).json(), generated = check_works(generate).json();
  lethe::write_file(model / "tokenizer.json", "{");
  CHECK(check_works({"perplexity", name, ids, "--json"}).json() == nll);
  const Run run = check_works(generate);
  CHECK(run.json()["ids"] == generated["ids"]);
  CHECK(run.json()["text"] == "");
  CHECK(contains(run.err, "tokenizer.json"));
  check_works({"finetune", name, ids, "--out", (dir / "tuned").string(), "--max-steps", "1"});
  check_fails(1, {"perplexity", name, text}, {"tokenizer.json", "not valid JSON"});
  check_fails(1, {"finetune", name, text, "--out", (dir / "no").string()}, {"tokenizer.json", "not valid JSON"});
  check_fails(1, {"generate", name, "--prompt", "a"}, {"tokenizer.json", "not valid JSON"});
}

TEST_CASE("an adapter is laid on its base, and merged by convert") {
  struct Case {
    const char *base, *adapter;
  };
  for (const auto& [base, adapter] : {Case{"models/llama", "lora-qv"}, Case{"models/llama", "lora-embedding"},
                                      Case{"models/llama-tied", "lora-qv"}, Case{"models/gpt2", "lora-all"}}) {
    const TempDir dir;
    const std::string path = golden(base) + "/" + adapter;
    CAPTURE(path);
    const std::string batch = batch_file(dir, lethe::read_json(golden(base) + "/golden.json"));
    const double expected = lethe::read_json(path + "/golden.json")["loss"];
    const Run laid = perplexity(path, batch, {"--base-model", golden(base)});
    CAPTURE(laid.err);
    REQUIRE(laid.status == 0);
    CHECK(std::abs(laid.json()["nll"].get<double>() - expected) < 1e-5);

    const std::string merged = (dir / "merged").string();
    const Run convert = run_lethe({"convert", path, "--base-model", golden(base), "--out", merged, "--json"});
    CAPTURE(convert.err);
    REQUIRE(convert.status == 0);
    CHECK(convert.json()["out"] == merged);
    CHECK(std::abs(perplexity(merged, batch).json()["nll"].get<double>() - expected) < 3e-5);
  }
}

TEST_CASE("convert: an adapter's own tokenizer takes the place of its base's, wholly") {
  const TempDir dir;
  const lethe::fs::path base = copy_model(dir), adapter = dir / "adapter", out = dir / "out";
  lethe::write_file(dir / "data.jsonl", "{\"text\": \"the dog ran\"}\n");
  check_works(
      {"finetune", base.string(), (dir / "data.jsonl").string(), "--max-steps", "1", "--out", adapter.string()});
  lethe::write_file(base / "special_tokens_map.json", "{}");
  const auto convert = [&](const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"convert",     adapter.string(), "--base-model",
                                          base.string(), "--out",          out.string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  };
  const std::string of_base = lethe::read_file(base / "tokenizer.json");
  check_works(convert());
  CHECK(lethe::read_file(out / "tokenizer.json") == of_base);
  CHECK(lethe::fs::exists(out / "special_tokens_map.json"));

  lethe::write_file(adapter / "tokenizer.json", of_base + "\n");
  lethe::write_file(adapter / "chat_template.jinja", "{{ messages }}");
  check_works(convert({"--overwrite"}));
  CHECK(lethe::read_file(out / "tokenizer.json") == of_base + "\n");
  CHECK(lethe::read_file(out / "chat_template.jinja") == "{{ messages }}");
  CHECK_FALSE(lethe::fs::exists(out / "special_tokens_map.json"));  // it speaks of the other tokenizer
  CHECK_FALSE(lethe::fs::exists(out / "tokenizer_config.json"));
  check_works({"tokenize", out.string(), "the dog"});

  // A broken one is found before anything is written.
  lethe::write_file(adapter / "tokenizer.json", "{");
  lethe::fs::remove_all(out);
  check_fails(1, convert(), {(adapter / "tokenizer.json").string()});
  CHECK_FALSE(lethe::fs::exists(out));
}

TEST_CASE("an adapter without its base says how to name it") {
  const Run run = run_lethe({"generate", golden("models/llama/lora-qv"), "--prompt-ids", "1"});
  CHECK(run.status == 2);
  CHECK(contains(run.err, "--base-model"));
  CHECK(run_lethe({"generate", golden("models/llama"), "--prompt-ids", "1", "--base-model", "x"}).status == 2);
}

TEST_CASE("convert: a GGUF file becomes a directory that says the same") {
  const TempDir dir;
  const Json expected = lethe::read_json(golden("gguf/stories260K/golden.json"));
  const std::string out = (dir / "stories").string(), batch = batch_file(dir, expected);
  CHECK(std::abs(perplexity(golden(kStories), batch).json()["nll"].get<double>() - expected["loss"].get<double>()) <
        1e-5);
  const Run convert = run_lethe({"convert", golden(kStories), "--dtype", "F32", "--out", out});
  CAPTURE(convert.err);
  REQUIRE(convert.status == 0);
  CHECK(contains(convert.out, "llama"));
  CHECK(std::abs(perplexity(out, batch).json()["nll"].get<double>() - expected["loss"].get<double>()) < 1e-5);
  const std::string text = expected["texts"][0]["text"];
  CHECK(run_lethe({"tokenize", out, text, "--json"}).json()["ids"] == expected["texts"][0]["ids"]);

  const Run again = run_lethe({"convert", golden(kStories), "--out", out});
  CHECK(again.status == 1);
  CHECK(contains(again.err, out));
  CHECK(run_lethe({"convert", golden(kStories), "--out", out, "--overwrite"}).status == 0);
}

}  // namespace
