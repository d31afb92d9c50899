#include "lethe/run/run_folder.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <fstream>

#include "lethe/base/error.h"
#include "lethe/run/tensorboard.h"

using namespace lethe;
using namespace lethe::run;

namespace {

struct TempFolder {
  fs::path path = fs::temp_directory_path() / fmt::format("lethe_run_test_{}", ::getpid());
  TempFolder() { fs::remove_all(path); }
  ~TempFolder() { fs::remove_all(path); }
};

StepMetrics step(const char* stage, int64_t n) { return {n, stage, 1.0 / 3 + n, 5e-5, 0.1 * n, 100 + n, 1234.56}; }

int64_t events_in(const fs::path& folder) {
  const std::string file = read_file(folder / kEventsFile);
  int64_t found = 0;
  CHECK(tfrecord_prefix(file, INT64_MAX, &found) == file.size());
  return found;
}

void append_text(const fs::path& path, std::string_view text) { std::ofstream(path, std::ios::app) << text; }

}  // namespace

TEST_CASE("metrics come back as they were logged, one JSON object a line") {
  const TempFolder temp;
  RunFolder folder(temp.path, false);
  folder.append(step("forget", 1));
  folder.append({2, "learn", NAN, 0, INFINITY, 0, 0});
  CHECK(folder.metrics_logged() == 2);
  const auto metrics = folder.metrics();
  REQUIRE(metrics.size() == 2);
  CHECK(metrics[0].stage == "forget");
  CHECK(metrics[0].step == 1);
  CHECK(metrics[0].loss == 1.0 / 3 + 1);  // every bit
  CHECK(metrics[0].learning_rate == 5e-5);
  CHECK(metrics[0].tokens == 101);
  CHECK(metrics[0].tokens_per_second == 1234.6);
  CHECK(std::isnan(metrics[1].loss));
  CHECK(read_file(temp.path / kMetricsFile).starts_with(R"({"step":1,"stage":"forget","loss":1.33)"));
  CHECK(events_in(temp.path) == 3);
}

TEST_CASE("a resumed run logs each step once, also after kill -9 tore the last line") {
  const TempFolder temp;
  std::string whole;
  {
    RunFolder folder(temp.path, false);
    for (int64_t n = 1; n <= 5; ++n) folder.append(step(n <= 3 ? "forget" : "learn", n));
    whole = read_file(folder.file(kMetricsFile));
  }
  append_text(temp.path / kMetricsFile, R"({"step":6,"stage":"le)");
  append_text(temp.path / kEventsFile, "torn");
  CHECK(read_metrics(temp.path / kMetricsFile).size() == 5);
  {
    RunFolder folder(temp.path, true);
    CHECK(folder.metrics_logged() == 5);
    CHECK(read_file(folder.file(kMetricsFile)) == whole);
    folder.truncate_metrics(4);
    CHECK(folder.metrics_logged() == 4);
    CHECK(events_in(temp.path) == 5);
    folder.append(step("learn", 5));
    CHECK(read_file(folder.file(kMetricsFile)) == whole);
    CHECK(events_in(temp.path) == 6);
    folder.truncate_metrics(0);
    CHECK(read_file(folder.file(kMetricsFile)).empty());
    folder.truncate_metrics(3);  // more than there are: nothing to drop
    CHECK(folder.metrics_logged() == 0);
    CHECK(events_in(temp.path) == 1);
  }
  write_file(temp.path / kMetricsFile, whole);  // events lost: they are made again
  RunFolder folder(temp.path, true);
  CHECK(events_in(temp.path) == 6);
}

TEST_CASE("damage before the last line is an error that says where") {
  const TempFolder temp;
  { RunFolder folder(temp.path, false); }
  write_file(temp.path / kMetricsFile, "{\"step\":1}\n" + to_json_line(step("learn", 2)));
  CHECK_THROWS_WITH_AS(RunFolder(temp.path, true), doctest::Contains("metrics.jsonl:1: the field \"stage\" is missing"),
                       Error);
}

TEST_CASE("one run a folder: a second is refused until the first ends, and starts anew unless it resumes") {
  const TempFolder temp;
  {
    RunFolder folder(temp.path, false);
    folder.append(step("learn", 1));
    folder.write_config("seed = 3\n");
    write_file(folder.file(kCurvesFile), "{}\n");
    CHECK_THROWS_WITH_AS(RunFolder(temp.path, true), doctest::Contains("is in use by another run"), Error);
  }
  { CHECK(RunFolder(temp.path, true).config() == "seed = 3\n"); }
  CHECK(fs::exists(temp.path / kCurvesFile));
  const RunFolder folder(temp.path, false);
  CHECK_FALSE(fs::exists(temp.path / kCurvesFile));  // another run's
  CHECK(folder.metrics_logged() == 0);
  CHECK_FALSE(folder.config().has_value());
}

TEST_CASE("JSON keeps the order of its fields and survives broken UTF-8; bad JSON names the file") {
  const TempFolder temp;
  RunFolder folder(temp.path, false);
  folder.write_json("results.json", {{"z", 1}, {"a", "\xff"}});
  CHECK(folder.json("results.json").dump() == "{\"z\":1,\"a\":\"\xEF\xBF\xBD\"}");
  write_file(folder.file("results.json"), "{\"z\":");
  CHECK_THROWS_WITH_AS(folder.json("results.json"), doctest::Contains("results.json: not valid JSON"), Error);
  CHECK_THROWS_WITH_AS(RunFolder("/proc/none/run", false), doctest::Contains("/proc/none/run"), Error);
}
