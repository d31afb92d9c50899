// Models that open but compute nothing of use: the message names the model.
#include <doctest/doctest.h>

#include "tests/e2e/bad_input.h"

namespace {

namespace fs = lethe::fs;

TEST_CASE("weights that are no numbers: measuring says so and names the model") {
  const TempDir dir;
  const fs::path good = copy_model(dir), facts = write_facts(dir), broken = dir / "broken", out = dir / "out";
  fs::copy(good, broken);
  patch_file(broken / "model.safetensors", -4, std::string("\x00\x00\xC0\x7F", 4));  // a NaN
  lethe::write_file(dir / "text.jsonl", "{\"text\": \"the dog ran\"}\n");
  const std::string text = (dir / "text.jsonl").string();
  const std::vector<std::string> parts = {broken.string() + ": the model's outputs are not numbers", "nan"};
  check_fails(1, {"evaluate", broken.string(), facts.string(), "--json"}, parts);
  check_fails(1, {"evaluate", good.string(), facts.string(), "--before", broken.string()}, parts);
  check_fails(1, {"perplexity", broken.string(), text}, parts);
  check_fails(1, {"perplexity", broken.string(), text, "--json", "--per-token"}, parts);
  check_fails(1, {"generate", broken.string(), "--prompt", "the dog"}, parts);
  check_fails(1, {"generate", broken.string(), "--prompt", "the dog", "--temperature", "1", "--json"}, parts);
  check_fails(1, {"update", broken.string(), facts.string(), "--out", out.string()}, parts);
  CHECK_FALSE(holds_model(out));
}

}  // namespace
