// The options of `lethe study`.
#include "lethe/base/error.h"
#include "lethe/study/study.h"

namespace lethe::study {

void StudyConfig::add_to(Options& options) {
  options.add("recipe", recipe, "the name of one of Lethe's recipes, or a file").positional().placeholder("RECIPE");
  options.add("scale", scale, "how large: two-cores, workstation, paper; the recipe's first unless told");
  options
      .add("out", out, "where all of it goes; unless told out/RECIPE, at another scale than the first out/RECIPE-SCALE")
      .placeholder("DIR");
  options
      .add("stages", stages,
           "where stages are kept, by what they depend on; OUT/stages unless told, one for several studies shares them")
      .placeholder("DIR");
  options
      .add("jobs", jobs,
           "stages at a time, which share the threads: small nets keep many threads idle; as the recipe says unless "
           "told")
      .at_least(0)
      .at_most(64);
  options.add("list", list, "explain Lethe's recipes").flag().not_resolved();
  options.add("dry-run", dry_run, "tell the stages, and which are done").flag().not_resolved();
  options.add("resume", resume, "go on with an interrupted study, as the same command does without it")
      .flag()
      .not_resolved();
  options.add("set", set, "give variables of the recipe other values").placeholder("NAME=VALUE,...");
  options.add("only", only, "run only these values of the grid").placeholder("AXIS=VALUE,...");
}

void StudyConfig::resolve(Options& options) {
  if (list) {
    for (const char* name : {"recipe", "scale", "out", "stages", "jobs", "dry-run", "resume", "set", "only"})
      options.no_effect(name, "--list runs nothing");
    return;
  }
  if (recipe.empty()) fail_usage("study takes a RECIPE; `lethe study --list` explains those that there are");
}

}  // namespace lethe::study
