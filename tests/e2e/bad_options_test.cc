// Wrong arguments: status 2 before any work, with the option, its value and what was expected.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <regex>

#include "tests/e2e/bad_input.h"

namespace {

namespace fs = lethe::fs;

struct Case {
  std::vector<std::string> options, parts;
};

// MODEL, its data and --out stand before the options of each case; nothing may be written.
void check_refused(const std::string& command, const std::vector<Case>& cases) {
  const TempDir dir;
  const std::string out = (dir / "out").string();
  std::vector<std::string> begin = {command, copy_model(dir).string()};
  if (command != "generate" && command != "convert") begin.push_back(write_facts(dir).string());
  const bool writes = command == "update" || command == "finetune" || command == "convert";
  if (writes) begin.insert(begin.end(), {"--out", out});
  for (const Case& c : cases) {
    std::vector<std::string> arguments = begin;
    arguments.insert(arguments.end(), c.options.begin(), c.options.end());
    check_fails(2, arguments, c.parts);
    CHECK_FALSE(fs::exists(out));
  }
}

TEST_CASE("update: values that are none, or out of range") {
  check_refused("update", {
                              {{"--learning-rate", "0"}, {"--learning-rate", "'0'"}},
                              {{"--learning-rate", "-1e-4"}, {"--learning-rate", "'-1e-4'"}},
                              {{"--learning-rate", "nan"}, {"--learning-rate", "'nan'"}},
                              {{"--learning-rate", "inf"}, {"--learning-rate", "'inf'"}},
                              {{"--learning-rate", "1e400"}, {"--learning-rate", "'1e400'"}},
                              {{"--learning-rate", "fast"}, {"--learning-rate", "'fast'", "number"}},
                              {{"--learning-rate", "1e-4x"}, {"--learning-rate", "'1e-4x'"}},
                              {{"--learning-rate", ""}, {"--learning-rate", "''"}},
                              {{"--learning-rate"}, {"--learning-rate needs a value"}},
                              {{"--rate", "-0.1"}, {"--rate", "'-0.1'"}},
                              {{"--rate", "nan"}, {"--rate", "'nan'"}},
                              {{"--num-train-epochs", "0"}, {"--num-train-epochs", "'0'"}},
                              {{"--num-train-epochs", "1e300"}, {"--num-train-epochs", "'1e300'"}},
                              {{"--max-steps", "0"}, {"--max-steps", "'0'"}},
                              {{"--max-steps", "1.5"}, {"--max-steps", "'1.5'", "whole number"}},
                              {{"--max-steps", "99999999999999999999"}, {"--max-steps", "'99999999999999999999'"}},
                              {{"--per-device-train-batch-size", "0"}, {"--per-device-train-batch-size", "'0'"}},
                              {{"--per-device-train-batch-size", "9223372036854775807"}, {"9223372036854775807"}},
                              {{"--gradient-accumulation-steps", "-1"}, {"--gradient-accumulation-steps", "'-1'"}},
                              {{"--warmup-ratio", "1.5"}, {"--warmup-ratio", "'1.5'"}},
                              {{"--adam-beta1", "1"}, {"--adam-beta1", "'1'"}},
                              {{"--weight-decay", "-1"}, {"--weight-decay", "'-1'"}},
                              {{"--lora-dropout", "1", "--method", "lora"}, {"--lora-dropout", "'1'"}},
                              {{"--lora-rank", "0", "--method", "lora"}, {"--lora-rank", "'0'"}},
                              {{"--limit", "-1"}, {"--limit", "'-1'"}},
                              {{"--threads", "-1"}, {"--threads", "'-1'"}},
                              {{"--seed", "-1"}, {"--seed", "'-1'"}},
                              {{"--shuffle", "perhaps"}, {"perhaps"}},
                              {{"--shuffle=perhaps"}, {"--shuffle", "'perhaps'", "on or off"}},
                              {{"--method", "forget"}, {"--method", "'forget'", "f-lora-ft"}},
                              {{"--method", "rome"}, {"--method", "'rome'", "f-ft"}},
                              {{"--old", "maybe"}, {"--old", "'maybe'", "from-model"}},
                              {{"--lr-scheduler-type", "step"}, {"--lr-scheduler-type", "'step'", "cosine"}},
                              {{"--template", "jinja"}, {"--template", "'jinja'", "alpaca"}},
                              {{"--precision", "fp8"}, {"--precision", "'fp8'", "bf16"}},
                              {{"--device", "tpu"}, {"--device", "'tpu'", "cuda"}},
                          });
}

TEST_CASE("update: options that contradict each other, or have no effect") {
  check_refused(
      "update",
      {
          {{"--learning-rates", "1"}, {"unknown option --learning-rates", "--learning-rate"}},
          {{"--lambda", "1"}, {"unknown option --lambda"}},
          {{"extra"}, {"unexpected argument 'extra'"}},
          {{"--rate", "0.1", "--rate", "0.2"}, {"--rate is given twice"}},
          {{"--learning-rate", "1", "--learning_rate", "1"}, {"--learning-rate is given twice"}},
          {{"--max-steps", "5", "--num-train-epochs", "1"}, {"--num-train-epochs has no effect", "--max-steps"}},
          {{"--max-steps", "5", "--forget-epochs", "1"}, {"--forget-epochs has no effect", "--max-steps"}},
          {{"--warmup-steps", "5", "--warmup-ratio", "0.1"}, {"--warmup-ratio has no effect", "--warmup-steps"}},
          {{"--optim", "sgd", "--adam-beta1", "0.8"}, {"--adam-beta1 has no effect", "sgd"}},
          {{"--lora-rank", "4"}, {"--lora-rank has no effect", "f-ft"}},
          {{"--lora-alpha", "4"}, {"--lora-alpha has no effect"}},
          {{"--lora-dropout", "0.1"}, {"--lora-dropout has no effect"}},
          {{"--lora-target", "q_proj"}, {"--lora-target has no effect"}},
          {{"--lora-rank", "4", "--method", "ft"}, {"--lora-rank has no effect", "ft"}},
          {{"--rate", "0.3", "--method", "ft"}, {"--rate has no effect", "ft"}},
          {{"--rate", "0.3", "--method", "lora"}, {"--rate has no effect", "lora"}},
          {{"--forget-epochs", "1", "--method", "lora"}, {"--forget-epochs has no effect"}},
          {{"--forget-learning-rate", "1", "--method", "ft"}, {"--forget-learning-rate has no effect"}},
          {{"--save-adapter"}, {"--save-adapter has no effect", "f-ft"}},
          {{"--save-adapter", "--method", "ft"}, {"--save-adapter has no effect"}},
          {{"--save-adapter", "--method", "f-lora-ft"}, {"--save-adapter has no effect"}},
          {{"--old-file", "a", "--new-file", "b"}, {"FACTS"}},
          {{"--merge"}, {"unknown option --merge"}},
      });
}

TEST_CASE("the other commands: wrong options") {
  check_refused("finetune", {
                                {{"--method", "full", "--lora-rank", "4"}, {"--lora-rank has no effect", "full"}},
                                {{"--method", "full", "--merge"}, {"--merge has no effect", "full"}},
                                {{"--method", "f-ft"}, {"--method", "'f-ft'", "lora"}},
                                {{"--max-steps", "5", "--num-train-epochs", "1"}, {"--num-train-epochs has no effect"}},
                                {{"--optim", "sgd", "--adam-epsilon", "1"}, {"--adam-epsilon has no effect"}},
                                {{"--rate", "0.3"}, {"unknown option --rate"}},
                            });
  check_refused("evaluate", {
                                {{"--base-model", "x"}, {"--base-model has no effect", "no adapter"}},
                                {{"--learning-rate", "1"}, {"unknown option --learning-rate"}},
                                {{"--out", "x"}, {"unknown option --out"}},
                                {{"--old-file", "a", "--new-file", "b"}, {"facts"}},
                            });
  check_refused("perplexity", {
                                  {{"--per-token"}, {"--per-token has no effect", "--json"}},
                                  {{"--max-seq-length", "-1"}, {"--max-seq-length", "'-1'"}},
                              });
  check_refused("generate", {
                                {{}, {"--prompt", "--prompt-ids"}},
                                {{"--prompt", "x", "--prompt-ids", "1"}, {"--prompt-ids", "2 are given"}},
                                {{"--prompt", "x", "--top-p", "0.9"}, {"--top-p has no effect", "--temperature"}},
                                {{"--prompt", "x", "--temperature", "-1"}, {"--temperature", "'-1'"}},
                                {{"--prompt", "x", "--temperature", "1", "--top-p", "1.1"}, {"--top-p", "'1.1'"}},
                                {{"--prompt", "x", "--max-new-tokens", "0"}, {"--max-new-tokens", "'0'"}},
                                {{"--chat", "--json"}, {"--json has no effect", "--chat"}},
                            });
  check_refused("convert", {
                               {{"--dtype", "F64"}, {"--dtype", "'F64'", "BF16"}},
                               {{"--base-model", "x"}, {"--base-model has no effect"}},
                           });
  const TempDir dir;
  check_fails(2, {"update", copy_model(dir).string(), write_facts(dir).string()}, {"--out is missing", "usage"});
  check_fails(1, {"update", "m", "f", "--out", (dir / "out").string(), "--device", "cuda"},
              {"--device cuda", "no CUDA"});
}

TEST_CASE("LoRA targets that the model does not have") {
  const TempDir dir;
  const std::string facts = write_facts(dir).string(), out = (dir / "out").string();
  const std::string llama = copy_model(dir).string(), gpt2 = copy_model(dir, "gpt2").string();
  lethe::write_file(dir / "data.jsonl", "{\"text\": \"a b c\"}\n");
  const std::string data = (dir / "data.jsonl").string();
  check_fails(1, {"update", llama, facts, "--out", out, "--method", "lora", "--lora-target", "q_proj,z_proj"},
              {"z_proj", "q_proj", "llama"});
  check_fails(1, {"update", gpt2, facts, "--out", out, "--method", "lora", "--lora-target", "q_proj"},
              {"q_proj", "c_attn", "gpt2"});
  check_fails(1, {"finetune", llama, data, "--out", out, "--lora-target", "z_proj"}, {"z_proj", "llama"});
  check_fails(1, {"update", llama, facts, "--out", out, "--method", "f-lora", "--lora-target", "embed_tokens"},
              {"embed_tokens", "shares"});
  CHECK_FALSE(fs::exists(out));
}

TEST_CASE("--config: TOML that is broken, unknown or of the wrong kind names its line") {
  const TempDir dir;
  const fs::path config = dir / "c.toml", out = dir / "out";
  const std::string model = copy_model(dir).string(), facts = write_facts(dir).string();
  const auto refused = [&](const std::string& toml, std::vector<std::string> parts) {
    CAPTURE(toml);
    lethe::write_file(config, toml);
    check_fails(2, {"update", model, facts, "--out", out.string(), "--config", config.string()}, parts);
    CHECK_FALSE(fs::exists(out));
  };
  refused("rate = 0.1\nrates = 0.2\n", {"c.toml:2: rates", "did you mean rate?"});
  refused("\n\nrate = \n", {"c.toml:3", "TOML"});
  refused("rate = 0.1\nrate = 0.2\n", {"c.toml:2", "TOML"});
  refused("rate = \"much\"\n", {"c.toml:1: rate", "'much'"});
  refused("rate = -1\n", {"c.toml:1: rate", "'-1'"});
  refused("rate = nan\n", {"c.toml:1: rate", "nan"});
  refused("max-steps = 1.5\n", {"c.toml:1: max-steps", "1.5", "whole number"});
  refused("method = 3\n", {"c.toml:1: method", "3"});
  refused("method = \"rome\"\n", {"c.toml:1: method", "'rome'"});
  refused("[rate]\nx = 1\n", {"c.toml:1: rate", "a table"});
  refused("lora-target = [1, 2]\n", {"c.toml:1: lora-target"});
  refused("command = \"finetune\"\n", {"c.toml:1: command", "finetune", "lethe update"});
  refused("config = \"other.toml\"\n", {"c.toml:1: config"});
  refused("lora-rank = 4\n", {"lora-rank has no effect"});
  refused("max-steps = 5\nnum-train-epochs = 2\n", {"num-train-epochs has no effect"});
  check_fails(1, {"update", model, facts, "--out", out.string(), "--config", "no/such.toml"}, {"no/such.toml"});

  // Arguments win, and what the file gives is the same as typed.
  lethe::write_file(config, "rate = -1\nmethod = \"ft\"\nmax_steps = 1\n");
  check_fails(2, {"update", model, facts, "--out", out.string(), "--config", config.string(), "--rate", "1"},
              {"--rate has no effect"});
}

TEST_CASE("a run's config.toml with another method, or another length") {
  const TempDir dir;
  const std::string model = copy_model(dir).string(), facts = write_facts(dir).string();
  lethe::write_file(dir / "data.jsonl", "{\"text\": \"a b c\"}\n");
  const std::string data = (dir / "data.jsonl").string();
  int count = 0;
  const auto run = [&](std::vector<std::string> arguments) {  // what it resolved to
    const fs::path out = dir / fmt::format("out{}", ++count);
    arguments.insert(arguments.end(), {"--out", out.string()});
    check_works(arguments);
    return (out / "lethe" / "config.toml").string();
  };
  const auto holds = [](const std::string& config, const std::string& name) {
    return contains(lethe::read_file(config), "\n" + name + " = ");
  };
  const std::string full =
      run({"update", model, facts, "--forget-epochs", "1", "--num-train-epochs", "1", "--no-eval"});
  CHECK(holds(full, "forget-epochs"));
  const std::string steps = run({"update", "--config", full, "--max-steps", "1"});
  CHECK(holds(steps, "max-steps"));
  CHECK_FALSE(holds(steps, "forget-epochs"));
  CHECK_FALSE(holds(steps, "num-train-epochs"));
  const std::string epochs = run({"update", "--config", steps, "--forget-epochs", "2", "--num-train-epochs", "1"});
  CHECK(holds(epochs, "forget-epochs"));
  CHECK_FALSE(holds(epochs, "max-steps"));
  CHECK(holds(run({"update", "--config", steps, "--num-train-epochs", "1"}), "forget-epochs"));
  const std::string ft = run({"update", "--config", full, "--method", "ft"});
  for (const char* name : {"rate", "forget-epochs", "forget-learning-rate"}) CHECK_FALSE(holds(ft, name));
  const std::string lora = run({"update", "--config", steps, "--method", "f-lora"});
  CHECK(holds(lora, "lora-rank"));
  CHECK(contains(lethe::read_file(lora), "\nlearning-rate = 0.002"));  // not the other method's
  const std::string back = run({"update", "--config", lora, "--method", "f-ft"});
  CHECK_FALSE(holds(back, "lora-rank"));
  CHECK(contains(lethe::read_file(back), "\nlearning-rate = 5e-05"));
  check_fails(2, {"update", "--config", full, "--out", (dir / "no").string(), "--method", "ft", "--rate", "1"},
              {"--rate has no effect", "ft"});

  const std::string pair = (dir / "pair.json").string();  // another kind of facts than the file's
  lethe::write_file(pair, "[{\"instruction\": \"a\", \"output\": \"b\"}]");
  CHECK_FALSE(holds(run({"update", "--config", full, "--old-file", pair, "--new-file", pair}), "facts"));

  const std::string adapter = run({"finetune", model, data, "--num-train-epochs", "1"});
  const auto settings = [](const std::string& config) {
    const std::string text = lethe::read_file(config);
    return std::regex_replace(text, std::regex("\nout = .*"), "");
  };
  CHECK(settings(run({"finetune", "--config", adapter})) == settings(adapter));
  const std::string whole = run({"finetune", "--config", adapter, "--method", "full", "--max-steps", "1"});
  for (const char* name : {"lora-rank", "merge", "num-train-epochs"}) CHECK_FALSE(holds(whole, name));
}

TEST_CASE("--template without an instruction, lengths beyond the positions, and a model before of other tokens") {
  const TempDir dir;
  const std::string model = copy_model(dir).string(), facts = write_facts(dir).string(),
                    data = (dir / "data.jsonl").string();
  const std::string out = (dir / "out").string();
  lethe::write_file(data, "{\"text\": \"a cat\"}\n");
  for (const char* name : {"none", "alpaca", "chat"}) {
    check_fails(2, {"finetune", model, data, "--out", out, "--template", name}, {"--template has no effect"});
    check_fails(2, {"perplexity", model, data, "--template", name}, {"--template has no effect"});
  }
  lethe::write_file(data, "{\"text\": \"a cat\"}\n{\"instruction\": \"a\", \"output\": \"b\"}\n");
  check_works({"perplexity", golden("gguf/stories260K/model.gguf"), data, "--template", "none"});
  check_fails(1, {"update", model, facts, "--out", out, "--max-seq-length", "1000"},
              {"--max-seq-length 1000 is more than the model's 64 positions"});
  check_fails(1, {"evaluate", model, facts, "--before", golden("gguf/stories260K/model.gguf")},
              {"--before", "stories260K", "its tokenizer is another one", "The moon"});
}

}  // namespace
