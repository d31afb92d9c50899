#include "lethe/study/study_results.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>

#include "lethe/run/report.h"
#include "lethe/run/run_folder.h"

namespace lethe::study {
namespace {

constexpr size_t kMostCurvePoints = 60;

OrderedJson thinned(const OrderedJson& lines) {
  const size_t stride = (lines.size() + kMostCurvePoints - 1) / kMostCurvePoints;
  OrderedJson kept = OrderedJson::array();
  for (size_t i = 0; i < lines.size(); ++i)
    if (i % stride == 0 || i + 1 == lines.size()) kept.push_back(lines[i]);
  return kept;
}

}  // namespace

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (const size_t colon = line.find(": "); line.starts_with("model name") && colon != std::string::npos)
      return line.substr(colon + 2);
  return "a processor without a name";
}

OrderedJson of_run_folder(const fs::path& run_dir) {
  OrderedJson found = OrderedJson::object();
  if (const OrderedJson curves = run::read_curves(run_dir); !curves.empty()) found["curves"] = thinned(curves);
  if (const fs::path file = run_dir / run::kResultsFile; fs::exists(file)) {
    const OrderedJson results = run::read_ordered_json(file);
    if (const OrderedJson* left = find_field(results, "forgotten", file.string())) found["forgotten"] = *left;
  }
  return found;
}

OrderedJson study_results(const Recipe& recipe, const Plan& plan, std::span<const std::optional<OrderedJson>> records,
                          const OrderedJson& selection, const RunInfo& info) {
  OrderedJson seconds = OrderedJson::object(), variants = OrderedJson::array();
  std::vector<std::string> processors;
  for (size_t i = 0; i < plan.work.size(); ++i) {
    const std::string& stage = plan.work[i].stage;
    seconds[stage] = seconds.value(stage, 0.0) + records[i]->value("seconds", 0.0);
    const auto threads = records[i]->value("of_threads", 0);
    const std::string processor =
        fmt::format("{}, {} thread{}", records[i]->value("computed_on", ""), threads, threads == 1 ? "" : "s");
    if (std::ranges::find(processors, processor) == processors.end()) processors.push_back(processor);
  }
  const auto shows = [&](const std::string& what, const std::string& stage) {
    return std::ranges::any_of(recipe.page.sections, [&](const run::StudySection& section) {
      return section.show == what && section.stage == stage;
    });
  };
  for (const Variant& variant : plan.variants) {
    OrderedJson stages = OrderedJson::object(), folders = OrderedJson::object();
    for (const auto& [stage, i] : variant.stages) {
      folders[stage] = plan.work[i].folder();
      stages[stage] = (*records[i])["result"];
      stages[stage].erase("out");  // where it was, on this machine
      if (!shows("curves", stage)) stages[stage].erase("curves");
      if (!shows("answers", stage) && stages[stage].value("examples", OrderedJson()).is_array())
        stages[stage].erase("examples");  // of `evaluate`; a training's is their number
    }
    variants.push_back({{"grid", variant.grid}, {"folders", std::move(folders)}, {"stages", std::move(stages)}});
  }
  OrderedJson results{{"lethe", info.version}};
  results.update(selection);
  results["computed_on"] = fmt::format("{}", fmt::join(processors, "; "));
  results["command"] = info.command;
  results["seconds"] = std::move(seconds);
  results["variants"] = std::move(variants);
  return results;
}

std::string results_text(const OrderedJson& results) {
  std::string text = "{\n";
  for (const auto& [key, value] : results.items())
    if (key != "variants") text += fmt::format(" {}: {},\n", json_text(OrderedJson(key)), json_text(value));
  text += " \"variants\": [";
  bool first = true;
  for (const OrderedJson& variant : results["variants"]) {
    text += fmt::format("{}\n  {{\"grid\": {},\n   \"folders\": {},\n   \"stages\": {{", first ? "" : ",",
                        json_text(variant["grid"]), json_text(variant["folders"]));
    first = false;
    bool first_stage = true;
    for (const auto& [stage, result] : variant["stages"].items()) {
      text += fmt::format("{}\n    {}: {}", first_stage ? "" : ",", json_text(OrderedJson(stage)), json_text(result));
      first_stage = false;
    }
    text += "}}";
  }
  return text + "]\n}\n";
}

}  // namespace lethe::study
