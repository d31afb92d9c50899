#include <doctest/doctest.h>

#include "lethe/base/error.h"
#include "lethe/run/page_testing.h"
#include "lethe/run/report.h"
#include "lethe/run/run_folder.h"
#include "tests/temp_dir.h"

using namespace lethe;
using namespace lethe::run;

namespace {

void write_run(const fs::path& folder, const OrderedJson& results) {
  fs::create_directories(folder);
  write_file(folder / kResultsFile, results.dump());
  write_file(folder / kMetricsFile,
             to_json_line({1, "train", 3, 1e-3, 1, 40, 300}) + to_json_line({2, "train", 2, 1e-3, 1, 40, 300}));
}

OrderedJson training(const char* method, double loss) {
  return {{"lethe", "0.1.0"}, {"method", method}, {"model", "m/base"}, {"steps", 2}, {"loss", loss}};
}

}  // namespace

TEST_CASE("a run is read from its folder or its model's, with its learning curves") {
  const TempDir temp;
  write_run(temp / "tuned/lethe", training("pretrain", 0.25));
  write_file(temp / "tuned/lethe/curves.jsonl", "{\"tokens\": 10, \"question\": {\"train\": 5, \"test\": 6}}\n");
  for (const char* folder : {"tuned", "tuned/lethe"}) {
    const RunRecord run = read_run(temp / folder);
    CHECK(run.metrics.size() == 2);
    const std::string html = page_html(page_of_run(run));
    CHECK(has(html, "base, trained from nothing"));
    CHECK(has(html, "in answers, about the others: tokens 10: 6"));
    CHECK(run.name == "tuned");
  }
}

TEST_CASE("several runs stand side by side") {
  const TempDir temp;
  write_run(temp / "one", training("full", 0.5));
  write_run(temp / "two", training("lora", 0.75));
  const std::vector<RunRecord> runs = {read_run(temp / "one"), read_run(temp / "two")};
  const std::string html =
      pages_html({"", "2 runs", "", side_by_side_html(runs), ""}, {page_of_run(runs[0]), page_of_run(runs[1])});
  CHECK(has(html, "<th scope=\"row\">two</th><td>lora</td><td>2</td><td>0.75</td>"));
  CHECK_FALSE(has(html, "old answers left"));
  CHECK(has(html, "<title>one: step 2: 2</title>"));
  CHECK(has(html, "<h1>2 runs</h1>"));
  CHECK(has(html, "<h1>base, fine-tuned</h1>"));
}

TEST_CASE("runs of one name are told apart by the folders around them") {
  const TempDir temp;
  for (const char* folder : {"a/x/out", "b/x/out", "y/out/lethe", "other"})
    write_run(temp / folder, training("full", 0.5));
  std::vector<RunRecord> runs;
  for (const char* folder : {"a/x/out", "b/x/out/", "y/out", "other"}) runs.push_back(read_run(temp / folder));
  tell_apart(runs);
  CHECK(runs[0].name == "a/x/out");
  CHECK(runs[1].name == "b/x/out");
  CHECK(runs[2].name == "y/out");
  CHECK(runs[3].name == "other");
  CHECK(has(side_by_side_html(runs), "<th scope=\"row\">b/x/out</th>"));
  CHECK(page_of_run(runs[2], true).kicker == "Lethe finetune · y/out");
  CHECK(page_of_run(runs[2]).kicker == "Lethe finetune");
  runs = {runs[3], runs[3]};  // one run twice
  tell_apart(runs);
  CHECK(runs[1].name == "other");
}

TEST_CASE("folders that hold no run are errors") {
  const TempDir temp;
  CHECK_THROWS_WITH_AS(read_run(temp / "nothing"), doctest::Contains("expected the folder of a run"), Error);
  fs::create_directories(temp / "half");
  write_file(temp / "half/config.toml", "");
  CHECK_THROWS_WITH_AS(read_run(temp / "half"), doctest::Contains("the run is not complete"), Error);
  write_file(temp / "half/results.json", "[1]");
  CHECK_THROWS_WITH_AS(read_run(temp / "half"), doctest::Contains("is not what a run of Lethe writes"), Error);
  write_file(temp / "half/results.json", "{");
  CHECK_THROWS_WITH_AS(read_run(temp / "half"), doctest::Contains("results.json"), Error);
  write_run(temp / "half", training("full", 1));
  write_file(temp / "half/curves.jsonl", "{}\n{\n");
  CHECK_THROWS_WITH_AS(read_run(temp / "half"), doctest::Contains("curves.jsonl:2"), Error);
}
