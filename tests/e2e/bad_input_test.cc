// Input that is broken in ways that any command may meet: nesting without end, long values, words of the program
// itself.
#include "tests/e2e/bad_input.h"

#include <doctest/doctest.h>

namespace {

namespace fs = lethe::fs;

std::string nested() { return std::string(200000, '[') + std::string(200000, ']'); }

TEST_CASE("JSON nested without end is an error of one line, wherever it stands") {
  const TempDir dir;
  const fs::path model = copy_model(dir);
  const std::string lines = (dir / "lines.jsonl").string();
  lethe::write_file(lines, "{\"text\": \"a\"}\n{\"text\": " + nested() + "}\n");
  const Run run = run_lethe({"tokenize", model.string(), "--jsonl", lines});
  CHECK(run.status == 1);
  CHECK(run.err == "lethe: " + lines + ":2: lists and objects are nested deeper than 64 at line 1\n");
  check_fails(1, {"perplexity", model.string(), lines}, {lines, "line 2", "nested deeper than 64"});
  replace_in(model / "config.json", "\"hidden_size\":", "\"hidden_size\": " + nested() + ", \"x\":");
  check_fails(1, {"generate", model.string(), "--prompt-ids", "1"}, {"config.json", "nested deeper than 64"});
}

TEST_CASE("JSON that ends inside a long text does not print it") {
  const TempDir dir;
  const std::string model = copy_model(dir).string(), facts = (dir / "facts.jsonl").string();
  lethe::write_file(facts, "{\"prompt\": \"" + std::string(300000, 'x'));
  check_fails(1, {"evaluate", model, facts}, {facts, "missing closing quote"});
}

TEST_CASE("evaluate --rows replaces a file only where --overwrite says so") {
  const TempDir dir;
  const std::string model = copy_model(dir).string(), facts = write_facts(dir).string();
  const auto before = bytes_below(facts);
  check_fails(1, {"evaluate", model, facts, "--rows", facts}, {"--rows " + facts + " exists", "--overwrite"});
  check_fails(2, {"evaluate", model, facts, "--overwrite"}, {"--overwrite has no effect", "--rows"});
  // Not even then what is read.
  const std::string gguf = copy_gguf(dir).string();
  lethe::fs::create_hard_link(facts, dir / "link");
  const auto whole = bytes_below(dir.path());
  const auto overwrite = [&](const std::string& of, const std::string& rows) {
    return std::vector<std::string>{"evaluate", of, facts, "--before", model, "--rows", rows, "--overwrite"};
  };
  check_fails(1, overwrite(model, facts), {"--rows " + facts, "which is read"});
  check_fails(1, overwrite(model, (dir / "link").string()), {"--rows", "which is read"});
  check_fails(1, overwrite(gguf, gguf), {"--rows " + gguf, "which is read"});
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.json"})
    check_fails(1, overwrite(model, model + "/" + name), {"--rows", name, "name of a model's file"});
  CHECK(bytes_below(dir.path()) == whole);
  lethe::write_file(dir / "rows.jsonl", "old");
  check_works({"evaluate", model, facts, "--rows", (dir / "rows.jsonl").string(), "--overwrite"});
  CHECK(contains(lethe::read_file(dir / "rows.jsonl"), "\n"));
}

TEST_CASE("generate prints the text whole, a broken character at its end too") {
  const TempDir dir;
  const std::string model = copy_model(dir, "gpt2").string();
  bool seen = false;
  for (int seed = 0; seed < 40 && !seen; ++seed) {
    const std::vector<std::string> arguments = {
        "generate", model,           "--prompt", "a",      "--max-new-tokens",
        "4",        "--temperature", "9",        "--seed", std::to_string(seed)};
    std::vector<std::string> with_json = arguments;
    with_json.push_back("--json");
    const std::string text = check_works(with_json).json()["text"].get<std::string>();
    CHECK(check_works(arguments).out == text + "\n");
    seen = text.ends_with("\uFFFD");
  }
  CHECK(seen);
}

TEST_CASE("every command tells the version, and a value may look like -h") {
  const TempDir dir;
  for (const char* command : {"update", "evaluate", "finetune", "generate", "perplexity", "tokenize", "convert"})
    CHECK(check_works({command, "--version"}).out == "lethe 0.1.0\n");
  CHECK(check_works({"delta", "show", "--version"}).out == "lethe 0.1.0\n");
  const std::string model = copy_model(dir).string();
  const Run run = check_works({"generate", model, "--prompt", "-h", "--max-new-tokens", "1", "--json"});
  CHECK(run.json().contains("text"));
}

}  // namespace
