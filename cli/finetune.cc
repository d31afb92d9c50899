// lethe finetune: supervised fine-tuning on text data, all weights or LoRA.
#include "lethe/study/finetune.h"

#include <fmt/format.h>

#include "cli/program.h"

namespace lethe::cli {

void finetune(Arguments arguments) {
  study::FinetuneConfig config;
  Common common;
  Options options("finetune", "Trains a model on examples, all weights or a LoRA adapter, and writes what came out.");
  options.example("finetune SmolLM2 pairs.jsonl --out adapter",
                  "a PEFT adapter from {\"prompt\", \"completion\"} lines");
  options.example("finetune SmolLM2 chats.jsonl --method full --learning-rate 1e-5 --out tuned",
                  "all weights, on conversations");
  options.example("finetune SmolLM2 book.txt --lora-rank 32 --lora-target all-linear --merge --out tuned",
                  "LoRA on every linear layer, merged into a whole model");
  config.add_to(options);
  if (!common.start(options, arguments)) return;
  config.resolve(options);
  const study::RunInfo run = run_info("finetune", common, options, arguments);
  const OrderedJson result = resumable("finetune", arguments, [&] { return study::finetune(config, run); });
  if (common.json) return print_json(result);
  print(fmt::format("{} examples, {} steps, last loss {:.4f}, {:.0f} tokens/s\nwritten: {}\nproof: {}\n",
                    result["examples"].get<int64_t>(), result["steps"].get<int64_t>(), result["loss"].get<double>(),
                    result["tokens_per_second"].get<double>(), config.out.string(),
                    (config.run_dir / "report.html").string()));
}

}  // namespace lethe::cli
