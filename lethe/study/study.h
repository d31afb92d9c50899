// `lethe study`: runs a recipe, every stage of every variant, and writes what came out.
//
// OUT/  study.json       that this is a study, and of what: recipe, scale, seed, precision, --set, --only. One of
//                        another recipe or scale is refused, and where there are results any other; the results of
//                        a recipe that was edited since are replaced
//       stages/NAME-KEY/ (or elsewhere, for several studies that share them) a stage: what it wrote in out/, and last
//                        of all stage.json: the command, its options, version, processor, threads, precision, the
//                        seconds, the result. A stage that has it is not run again; one that was interrupted goes
//                        on with the threads it began with, to the same bits
//       results.json     in the end: the results of every variant (lethe/run/study_page.h)
//       recipe.toml      the recipe that they are of
//       report.html      the page
#pragma once
#include <string>
#include <vector>

#include "lethe/base/options.h"
#include "lethe/study/commands.h"
#include "lethe/study/recipe.h"
#include "lethe/study/run_info.h"

namespace lethe::study {

struct StudyConfig {
  std::string recipe, scale;
  fs::path out, stages;
  std::vector<std::string> set, only;  // "people=200", "augment=single"
  int64_t jobs = 0;  // stages at a time, each in a process of its own; 0: as the recipe says; 1: in this process
  bool list = false, dry_run = false, resume = false;

  void add_to(Options& options);
  void resolve(Options& options);
};

// Runs what is not done and returns results.json, with fields in a fixed order; `text`, where given, gets its tables.
// With dry_run nothing is run: {"stages": [{"stage", "label", "folder", "done"}]}. Interrupted after Ctrl-C: the same
// call goes on. Errors of a stage begin with its name.
OrderedJson study(const StudyConfig& config, const RunInfo& run, const std::vector<Command>& commands,
                  std::string* text = nullptr);

bool is_study(const fs::path& folder);  // that `study` writes to
// The page of a study's folder, drawn anew from its results.json and recipe.toml; Error where it is not done.
run::Page study_page_of(const fs::path& folder);

}  // namespace lethe::study
