#include "tests/e2e/bad_input.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "lethe/base/error.h"

namespace fs = std::filesystem;

namespace {

std::vector<std::string> on_one_thread(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--threads", "1"});
  return arguments;
}

}  // namespace

std::string check_fails(int status, std::vector<std::string> arguments, const std::vector<std::string>& parts) {
  const Run run = run_lethe(on_one_thread(std::move(arguments)));
  CAPTURE(run.err);
  CHECK(run.status == status);
  CHECK(run.out.empty());
  CHECK(run.err.starts_with("lethe: "));
  CHECK(run.err.size() < 1000);
  const auto lines = std::count(run.err.begin(), run.err.end(), '\n');
  CHECK(lines >= 1);
  CHECK(lines <= 2);
  for (const std::string& part : parts) {
    CAPTURE(part);
    CHECK(contains(run.err, part));
  }
  return run.err;
}

Run check_works(std::vector<std::string> arguments) {
  Run run = run_lethe(on_one_thread(std::move(arguments)));
  CAPTURE(run.err);
  REQUIRE(run.status == 0);
  return run;
}

std::map<std::string, std::string> bytes_below(const fs::path& path) {
  if (fs::is_regular_file(path)) return {{"", lethe::read_file(path)}};
  std::map<std::string, std::string> bytes;
  if (!fs::exists(path)) return bytes;
  for (const auto& entry : fs::recursive_directory_iterator(path))
    if (entry.is_regular_file()) bytes[fs::relative(entry.path(), path).string()] = lethe::read_file(entry.path());
  return bytes;
}

bool holds_model(const fs::path& out) {
  for (const auto& [name, bytes] : bytes_below(out)) {
    const std::string file = fs::path(name).filename().string();
    if (name.starts_with("lethe/")) continue;  // the run folder
    if (file == "config.json" || file == "adapter_config.json" || contains(file, ".safetensors")) return true;
  }
  return false;
}

fs::path copy_model(const TempDir& dir, const std::string& family) {
  static const TempDir made;
  const fs::path source = made / family;
  if (!fs::exists(source))
    check_works({"convert", golden(family == "llama" ? "gguf/llama-tied/model.gguf" : "gguf/gpt2/model.gguf"), "--out",
                 source.string()});
  fs::copy(source, dir / family);
  return dir / family;
}

fs::path copy_gguf(const TempDir& dir) {
  fs::copy(golden("gguf/llama-tied/model.gguf"), dir / "model.gguf");
  return dir / "model.gguf";
}

fs::path write_facts(const TempDir& dir) {
  lethe::write_file(dir / "facts.jsonl",
                    "{\"prompt\": \"The cat is\", \"old\": \"red\", \"new\": \"big\", \"rephrase\": [\"A cat is\"]}\n"
                    "{\"prompt\": \"A dog ran\", \"old\": \"to me\", \"new\": \"home\"}\n"
                    "{\"prompt\": \"The sun\", \"old\": \"is up\", \"new\": \"was hot\", "
                    "\"locality\": [{\"prompt\": \"The moon\", \"answer\": \"is up\"}]}\n");
  return dir / "facts.jsonl";
}

void patch_file(const fs::path& file, int64_t offset, const std::string& bytes) {
  std::string text = lethe::read_file(file);
  const size_t at = offset < 0 ? text.size() - static_cast<size_t>(-offset) : static_cast<size_t>(offset);
  REQUIRE(at + bytes.size() <= text.size());
  lethe::write_file(file, text.replace(at, bytes.size(), bytes));
}

void cut_file(const fs::path& file, size_t size) {
  const std::string text = lethe::read_file(file);
  REQUIRE(size < text.size());
  lethe::write_file(file, text.substr(0, size));
}

void replace_in(const fs::path& file, const std::string& from, const std::string& to) {
  std::string text = lethe::read_file(file);
  const size_t at = text.find(from);
  CAPTURE(from);
  REQUIRE(at != std::string::npos);
  lethe::write_file(file, text.replace(at, from.size(), to));
}
