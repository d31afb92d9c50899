// lethe study: run a recipe, one experiment of the papers, from the making of the data to the page.
#include "lethe/study/study.h"

#include "cli/program.h"
#include "lethe/study/study_list.h"

namespace lethe::cli {

void study(Arguments arguments) {
  study::StudyConfig config;
  Common common;
  Options options("study",
                  "Runs a recipe: worlds are made, models trained, asked and probed, and a page shows what came out\n"
                  "beside the paper's numbers. What is done is not done again, so the same command goes on.");
  options.example("study --list", "what there is to find out, and how long it takes");
  options.example("study extraction", "at its smallest scale, for two cores; the page is out/extraction/report.html");
  options.example(
      "study extraction --only augment=single,augment=multi5 --set people=200,steps=1000,mixed_steps=1500 --out "
      "out/small",
      "two rows of the table, in a smaller world that is read as often");
  options.example("study my.toml --dry-run", "the stages of a recipe of your own, and which are done");
  config.add_to(options);
  if (!common.start(options, arguments)) return;
  config.resolve(options);
  if (config.list) return common.json ? print_json(study::study_list_json()) : print(study::study_list());
  const study::RunInfo run = run_info("study", common, options, arguments);
  std::string text;
  const OrderedJson result =
      resumable("study", arguments, [&] { return study::study(config, run, study::study_commands(), &text); });
  print(common.json ? json_text(result) + "\n" : text);
}

}  // namespace lethe::cli
