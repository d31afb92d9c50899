// results.json of a study; lethe/run/study_page.h says what it holds.
#pragma once
#include <optional>
#include <span>
#include <string>

#include "lethe/study/plan.h"
#include "lethe/study/recipe.h"
#include "lethe/study/run_info.h"

namespace lethe::study {

std::string processor_name();  // "Intel(R) Xeon(R) Processor", as far as the system tells

// What a run folder holds beside what its command printed: "curves", as many of their lines as a picture shows, and of
// an update that forgets "forgotten", as `evaluate` between its two stages.
OrderedJson of_run_folder(const fs::path& run_dir);

// `records`: stage.json of each work of the plan; `selection`: what the results are of. Curves and examples of answers
// stay where the recipe shows them.
OrderedJson study_results(const Recipe& recipe, const Plan& plan, std::span<const std::optional<OrderedJson>> records,
                          const OrderedJson& selection, const RunInfo& info);

// A line for each stage of a variant, so that a change is seen where it is.
std::string results_text(const OrderedJson& results);

}  // namespace lethe::study
