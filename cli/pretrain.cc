// lethe pretrain: a language model from nothing.
#include "lethe/study/pretrain.h"

#include <fmt/format.h>

#include "cli/program.h"

namespace lethe::cli {

void pretrain(Arguments arguments) {
  study::PretrainConfig config;
  Common common;
  Options options("pretrain",
                  "Trains a language model from nothing, on the biographies of a WORLD or on text, and writes it as a\n"
                  "Hugging Face directory. The defaults are a net of 4 layers of 256 that two cores train in minutes.");
  options.example("pretrain single --out model", "each life of the world `single` told 100 times");
  options.example("pretrain multi5 --mixed 0.8 --out model",
                  "mixed training: four of five windows hold questions about the training half");
  options.example(
      "pretrain big --layers 12 --heads 12 --hidden-size 768 --max-seq-length 512 --max-steps 80000 "
      "--per-device-train-batch-size 96 --out gpt2",
      "the scale of the paper");
  options.example("pretrain book.txt --tokenizer SmolLM2 --family llama --out model", "on a text");
  config.add_to(options);
  if (!common.start(options, arguments)) return;
  config.resolve(options);
  const study::RunInfo run = run_info("pretrain", common, options, arguments);
  const OrderedJson result = resumable("pretrain", arguments, [&] { return study::pretrain(config, run); });
  if (common.json) return print_json(result);
  print(fmt::format(
      "{} parameters, {} texts, {} steps, last loss {:.4f}, {:.0f} tokens/s, {:.0f} % of the peak\n"
      "written: {}\nproof: {}\n",
      result["parameters"].get<int64_t>(), result["texts"].get<int64_t>(), result["steps"].get<int64_t>(),
      result["loss"].get<double>(), result["tokens_per_second"].get<double>(), 100 * result["peak_share"].get<double>(),
      config.out.string(), (config.run_dir / "report.html").string()));
}

}  // namespace lethe::cli
