// report.html of `lethe update`: the proof of what changed, as one page.
#pragma once
#include <string>
#include <vector>

#include "lethe/base/file.h"
#include "lethe/base/json.h"
#include "lethe/run/metrics.h"

namespace lethe::run {

// `results` is results.json of an update (E as `lethe evaluate --json` prints it; of every E each measure may be
// missing):
//   {"lethe": version, "command", "model", "facts_file", "method", "rate", "facts": count, "before": E or null,
//    "after": E or null, "forgotten": E or null, "seconds": {"forget", "learn", "evaluate"}, "out", "settings": {name:
//    value}, "delta": [{"layer": int or null, "matrix", "norm"}], "cases": [{"prompt", "old", "new", "before",
//    "forgotten" or null, "after"}]}
// Where "forgotten" holds a locality, it is against the model's own answers before, as in "after".
std::string update_page(const OrderedJson& results, const std::vector<StepMetrics>& metrics);

// The page of a fine-tuning: overview, loss curve, time, settings. `results` holds "lethe", "command", "model", "data",
// "method", "examples", "steps", "epochs", "loss", "out", "seconds": {stage: number}, "settings".
std::string training_page(const OrderedJson& results, const std::vector<StepMetrics>& metrics);

}  // namespace lethe::run
