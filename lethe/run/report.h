// report.html of `lethe update`: the proof of what changed, as one page.
#pragma once
#include <string>
#include <vector>

#include "lethe/base/file.h"
#include "lethe/base/json.h"
#include "lethe/run/metrics.h"
#include "lethe/run/page.h"

namespace lethe::run {

// `results` is results.json of an update (E as `lethe evaluate --json` prints it; of every E each measure may be
// missing):
//   {"lethe": version, "command", "model", "facts_file", "method", "rate", "facts": count, "before": E or null,
//    "after": E or null, "forgotten": E or null, "seconds": {"forget", "learn", "evaluate"}, "out", "settings": {name:
//    value}, "delta": [{"layer": int or null, "matrix", "norm"}], "cases": [{"prompt", "old", "new", "before",
//    "forgotten" or null, "after"}]}
// Where "forgotten" holds a locality, it is against the model's own answers before, as in "after".
Page page_of_update(const OrderedJson& results, const std::vector<StepMetrics>& metrics);
std::string update_page(const OrderedJson& results, const std::vector<StepMetrics>& metrics);

// The page of a training: overview, learning curves, loss, time, settings. `results` holds "lethe", "command", "model",
// "data", "method", "examples", "steps", "epochs", "loss", "out", "seconds": {stage: number}, "settings", and where it
// was trained on a world "learning_curves": the lines of curves.jsonl.
Page page_of_training(const OrderedJson& results, const std::vector<StepMetrics>& metrics);
std::string training_page(const OrderedJson& results, const std::vector<StepMetrics>& metrics);

// `lethe report`: a run's folder (or OUT, where the folder is OUT/lethe) as it is now; Error where it holds no results.
struct RunRecord {
  fs::path folder;   // that is called as the run: where a run is in OUT/lethe, OUT
  std::string name;  // of that folder
  OrderedJson results;
  std::vector<StepMetrics> metrics;
};
RunRecord read_run(const fs::path& folder);
OrderedJson read_curves(const fs::path& folder);  // the lines of curves.jsonl in the run's folder; none without it
// Where several have one name, each gets as many of the folders around it as tell it apart: "x/out", "y/out".
void tell_apart(std::vector<RunRecord>& runs);
// As the command itself drew it; among other pages with the run's name.
Page page_of_run(const RunRecord& run, bool among_others = false);
// What can be compared of several: their numbers, and the loss of their last stage.
std::string side_by_side_html(const std::vector<RunRecord>& runs);

}  // namespace lethe::run
