// lethe update: forget the old facts, learn the new ones, prove what changed.
#include "lethe/study/update.h"

#include "cli/program.h"

namespace lethe::cli {

void update(Arguments arguments) {
  study::UpdateConfig config;
  Common common;
  Options options(
      "update",
      "Measures the model on the facts, lets it forget the old answers, teaches the new ones, measures again,\n"
      "and writes the updated model and the page of proof, DIR/lethe/report.html.");
  options.example("update SmolLM2 facts.json --out updated", "forget the old answers, learn the new ones, all weights");
  options.example("update SmolLM2 facts.json --method f-lora --save-adapter --out updated",
                  "both by LoRA; updated/adapter/ is a small PEFT adapter on the original model");
  options.example("update SmolLM2 facts.json --rate 0.1 --learning-rate 5e-5 --num-train-epochs 3 --out updated",
                  "forget less, and train for just three epochs");
  options.example("update SmolLM2 prompts.jsonl --old from-model --out updated",
                  "what the model says now is the old fact");
  options.example("update SmolLM2 facts.json --out updated --resume",
                  "go on after an interruption: the same command again");
  config.add_to(options);
  if (!common.start(options, arguments)) return;
  config.resolve(options);

  std::string table;
  const study::RunInfo run = run_info("update", common, options, arguments);
  const OrderedJson result = resumable("update", arguments, [&] { return study::update(config, run, &table); });
  if (common.json) return print_json(result);
  print(table + "model: " + config.out.string() + "\nproof: " + (config.run_dir / "report.html").string() + "\n");
}

}  // namespace lethe::cli
