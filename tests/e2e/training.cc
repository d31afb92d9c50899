#include "tests/e2e/training.h"

#include <algorithm>

namespace fs = lethe::fs;
using lethe::Json;

const std::vector<Work>& works() {
  static const std::vector<Work> table = {
      {"f-ft", true, {"--method", "f-ft", "--precision", "bf16"}},
      {"f-lora", true, {"--method", "f-lora", "--save-adapter", "--lora-dropout", "0.1"}},
      {"f-lora-ft", true, {"--method", "f-lora-ft", "--lora-target", "all-linear"}},
      {"ft", true, {"--method", "ft", "--optim", "sgd", "--no-eval"}},
      {"lora", true, {"--method", "lora", "--precision", "fp32", "--gradient-checkpointing"}},
      {"finetune full", false, {"--method", "full", "--gradient-accumulation-steps", "2"}},
      {"finetune lora", false, {"--method", "lora", "--lora-dropout", "0.3", "--warmup-ratio", "0.5"}},
      {"finetune lora, merged", false, {"--method", "lora", "--merge", "--lr-scheduler-type", "cosine"}},
  };
  return table;
}

Setting::Setting() : data((dir / "data.jsonl").string()) {
  std::string lines;
  for (const char* text : {"a cat", "the dog ran", "the sun", "a moon is", "it was", "no one", "be", "hot and"})
    lines += Json{{"text", text}}.dump() + "\n";
  lethe::write_file(data, lines);
}

Arguments Setting::arguments(const Work& work, const fs::path& out, const Arguments& more) const {
  Arguments all = {work.updates ? "update" : "finetune",
                   model,
                   work.updates ? facts : data,
                   "--out",
                   out.string(),
                   "--json",
                   "--threads",
                   "1",
                   "--learning-rate",
                   "1e-3",
                   "--per-device-train-batch-size",
                   "1"};
  if (work.updates)
    all.insert(all.end(), {"--max-steps", "8"});
  else
    all.insert(all.end(), {"--num-train-epochs", "2"});
  all.insert(all.end(), work.options.begin(), work.options.end());
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::map<std::string, std::string> result_of(const fs::path& out) {
  std::map<std::string, std::string> bytes = bytes_below(out);
  std::erase_if(bytes, [](const auto& file) { return file.first.starts_with("lethe/"); });
  return bytes;
}

std::vector<Json> metrics_of(const fs::path& out) {
  std::vector<Json> lines;
  lethe::for_each_line(out / "lethe" / "metrics.jsonl", [&](int64_t, std::string_view line) {
    lines.push_back(lethe::parse_json(line, "metrics.jsonl"));
    lines.back().erase("tokens_per_second");
  });
  return lines;
}

int64_t lines_of(const fs::path& path) {
  if (!fs::exists(path)) return 0;
  const std::string text = lethe::read_file(path);
  return std::count(text.begin(), text.end(), '\n');
}
