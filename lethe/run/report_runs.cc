// Runs read back from their folders, one page each, and side by side.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lethe/base/error.h"
#include "lethe/run/chart.h"
#include "lethe/run/page.h"
#include "lethe/run/report.h"
#include "lethe/run/report_parts.h"
#include "lethe/run/run_folder.h"

namespace lethe::run {
namespace {

// A run's folder is called "lethe" wherever it lies: there the folder around it has the name.
fs::path named_folder(const fs::path& results_file) {
  const fs::path folder = fs::absolute(results_file).lexically_normal().parent_path();
  return folder.filename() == "lethe" ? folder.parent_path() : folder;
}

// "x/out": the last `count` names of a path, all where it has fewer.
std::string last_names(const fs::path& path, int count) {
  auto begin = path.end();
  while (count-- > 0 && begin != path.begin()) --begin;
  fs::path names;
  for (; begin != path.end(); ++begin) names /= *begin;
  return names.string();
}

bool is_update(const OrderedJson& results) { return results.contains("facts_file"); }

}  // namespace

RunRecord read_run(const fs::path& folder) {
  const fs::path inside = folder / "lethe";
  const fs::path where = fs::exists(inside / kResultsFile) || holds_record(inside) ? inside : folder;
  check(fs::exists(where / kResultsFile), "{} holds no {}: {}", folder.string(), kResultsFile,
        holds_record(where) ? "the run is not complete"
                            : "expected the folder of a run, of a study, or a model that Lethe trained");
  const fs::path named = named_folder(where / kResultsFile);
  RunRecord run{named, last_names(named, 1), read_ordered_json(where / kResultsFile),
                read_metrics(where / kMetricsFile)};
  check(run.results.is_object() && (is_update(run.results) || run.results.contains("method")),
        "{} is not what a run of Lethe writes", (where / kResultsFile).string());
  run.results["learning_curves"] = read_curves(where);
  return run;
}

OrderedJson read_curves(const fs::path& folder) {
  OrderedJson lines = OrderedJson::array();
  const fs::path file = folder / kCurvesFile;
  if (!fs::exists(file)) return lines;
  for_each_line(file, [&](int64_t number, std::string_view line) {
    if (!line.empty()) lines.push_back(OrderedJson(parse_json(line, fmt::format("{}:{}", file.string(), number))));
  });
  return lines;
}

void tell_apart(std::vector<RunRecord>& runs) {
  for (RunRecord& run : runs) {
    int count = 1;
    const auto has_its_name = [&](const RunRecord& other) {
      return other.folder != run.folder && last_names(other.folder, count) == last_names(run.folder, count);
    };
    while (std::ranges::any_of(runs, has_its_name)) ++count;
    run.name = last_names(run.folder, count);
  }
}

Page page_of_run(const RunRecord& run, bool among_others) {
  Page page =
      is_update(run.results) ? page_of_update(run.results, run.metrics) : page_of_training(run.results, run.metrics);
  if (among_others) page.kicker += " · " + run.name;
  return page;
}

std::string side_by_side_html(const std::vector<RunRecord>& runs) {
  struct Column {
    const char* name;
    std::initializer_list<std::string_view> path;
    std::string (*text)(double);
  };
  const Column columns[] = {{"steps", {"steps"}, number_text},
                            {"loss", {"loss"}, number_text},
                            {"tokens/s", {"tokens_per_second"}, number_text},
                            {"new answers", {"after", "reliability", "exact_match"}, percent_text},
                            {"rephrased", {"after", "generality", "exact_match"}, percent_text},
                            {"others kept", {"after", "locality", "exact_match"}, percent_text},
                            {"old answers left", {"after", "old", "reliability", "exact_match"}, percent_text}};
  Table table{"", "", {"run", "method"}, {}};
  for (const RunRecord& run : runs) table.rows.push_back({run.name, text_at(run.results, "method")});
  for (const Column& column : columns) {
    const auto value = [&](const RunRecord& run) { return number_at(run.results, column.path); };
    if (std::ranges::none_of(runs, [&](const RunRecord& run) { return std::isfinite(value(run)); })) continue;
    table.head.emplace_back(column.name);
    for (size_t i = 0; i < runs.size(); ++i) table.rows[i].push_back(column.text(value(runs[i])));
  }
  LineChart chart{"Loss", "of the last stage", "step", "loss", {}};
  for (const RunRecord& run : runs) {
    Line line{run.name, {}};
    for (const StepMetrics& m : run.metrics)
      if (m.stage == run.metrics.back().stage) line.points.emplace_back(static_cast<double>(m.step), m.loss);
    if (!line.points.empty()) chart.lines.push_back(std::move(line));
  }
  return section_html("Side by side", "Answers are counted by exact match.",
                      table_html(table) + (chart.lines.empty() ? "" : line_chart_html(chart)));
}

}  // namespace lethe::run
