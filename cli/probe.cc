// lethe probe: what can be read of a model's hidden states.
#include "lethe/study/probe.h"

#include "cli/program.h"

namespace lethe::cli {

void probe(Arguments arguments) {
  study::ProbeConfig config;
  Common common;
  Options options(
      "probe",
      "Trains a linear probe on a frozen model's hidden states with half of the people (or of the subjects\n"
      "of facts), and says how often it reads the truth about the other half.");
  options.example("probe multi5-model multi5 --kind q --classifier unembedding",
                  "what a model has encoded on the names of a WORLD's people, 1,000 or so");
  options.example("probe multi5-model multi5 --kind p --classifier unembedding --max-steps 80",
                  "where in a biography a value can be read before it is told; the paper's 30 passes take longer");
  options.example("probe multi5-model multi5 --kind q", "with a classifier of its own, for 10,000 people and more");
  options.example("probe SmolLM2 continents.jsonl",
                  "whether the answer, one that several subjects have, can be read at the subject");
  config.add_to(options);
  if (!common.start(options, arguments)) return;
  config.resolve(options);
  const study::RunInfo run = run_info("probe", common, options, arguments);
  const OrderedJson result = study::probe(config, run);
  if (common.json) return print_json(result);
  print(study::probe_table(result));
}

}  // namespace lethe::cli
