#include "lethe/study/study.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include "lethe/base/error.h"
#include "lethe/run/run_folder.h"
#include "lethe/study/study_results.h"
#include "lethe/study/study_testing.h"

using namespace lethe;
using namespace lethe::study;
using study::testing::Fixture;
using study::testing::log;

namespace {

using Calls = std::vector<std::string>;
const Calls kAll = {"make 10 single", "train", "ask", "train", "make 10 multi5", "train", "ask", "train", "ask"};

}  // namespace

TEST_CASE("a result has what its run folder holds beside: curves, and what an update forgot") {
  const TempDir dir;
  CHECK(of_run_folder(dir.path()).empty());
  std::string curves;
  for (int step = 1; step <= 100; ++step) curves += fmt::format("{{\"step\":{}}}\n", step);
  write_file(dir / run::kCurvesFile, curves);
  write_file(dir / run::kResultsFile, R"({"before": 1, "forgotten": null})");
  const OrderedJson trained = of_run_folder(dir.path());
  CHECK(trained.size() == 1);
  CHECK(trained["curves"].size() <= 60);
  CHECK(trained["curves"].back()["step"] == 100);
  write_file(dir / run::kResultsFile, R"({"before": 1, "forgotten": {"facts": 3}})");
  CHECK(of_run_folder(dir.path())["forgotten"]["facts"] == 3);
  write_file(dir / run::kResultsFile, "5");
  CHECK_THROWS_WITH_AS(of_run_folder(dir.path()), doctest::Contains("results.json: found 5, expected an object"),
                       Error);
}

TEST_CASE("a study runs, keeps results in order, and does nothing twice") {
  const Fixture study;
  std::string text;
  const OrderedJson results = study.run(&text);
  CHECK(log().calls == kAll);
  CHECK(results["scale"] == "small");
  CHECK(results["precision"] == "fp32");
  CHECK(results["seed"] == 0);
  CHECK(results["only"].empty());
  CHECK(results["computed_on"].get<std::string>().starts_with(processor_name() + ", "));
  const OrderedJson &one = results["variants"][0]["folders"], &two = results["variants"][1]["folders"];
  CHECK(one["world"] == two["world"]);
  CHECK(one["model"] != two["model"]);
  CHECK(fs::exists(study.config.out / "stages" / one["model"].get<std::string>()));
  CHECK(results["variants"][0]["stages"].dump() ==
        R"({"world":{"people":10,"seed":0},"model":{"rate":0.5},"ask":{"mean":{"exact_match":10.0}}})");
  CHECK_FALSE(results["variants"][1]["stages"].contains("ask"));
  INFO(text);
  CHECK(text.find("multi5, none   10.0 (9.5)\n") != std::string::npos);
  CHECK(run::read_ordered_json(study.config.out / "results.json") == results);
  CHECK(read_file(study.config.out / "report.html").find("How many?") != std::string::npos);
  CHECK(read_file(study.config.out / "recipe.toml") == study::testing::small_recipe());
  CHECK(run::page_html(study_page_of(study.config.out)) == read_file(study.config.out / "report.html"));

  log().calls.clear();
  CHECK(study.run() == results);
  CHECK(log().calls.empty());
}

TEST_CASE("what is not kept is removed after its last reader, and made again where it is read again") {
  const Fixture study;
  study.run();
  CHECK_FALSE(fs::exists(study.stages("world")[0] / "out" / "people"));
  CHECK(fs::exists(study.stages("model")[0] / "out" / "model"));
  log().calls.clear();
  study.replace("rate = 0.5", "rate = 0.75");
  study.run();
  CHECK(log().calls == kAll);

  log().calls.clear();
  study.replace("name = \"ask\"", "name = \"asked\"");  // models are still there: no world is needed
  study.replace("ask.mean", "asked.mean");
  study.run();
  CHECK(log().calls == Calls{"ask", "ask", "ask"});
}

TEST_CASE("what somebody removed is made again where it is needed") {
  const Fixture study;
  const OrderedJson results = study.run();
  study.remove("world");  // the results need the record, though no stage reads it
  log().calls.clear();
  CHECK(study.run()["variants"] == results["variants"]);
  CHECK(log().calls == Calls{"make 10 single", "make 10 multi5"});
  CHECK_FALSE(fs::exists(study.stages("world")[0] / "out" / "people"));

  study.remove("model", "out");
  log().calls.clear();
  CHECK(study.run()["variants"] == results["variants"]);
  CHECK(log().calls.empty());  // nothing reads it
  study.replace("name = \"ask\"", "name = \"asked\"");
  study.replace("ask.mean", "asked.mean");
  study.run();
  CHECK(log().calls == Calls{"make 10 single", "train", "ask", "make 10 multi5", "train", "ask", "train", "ask"});
}

TEST_CASE("a damaged record of a stage is told, with its file and field") {
  const Fixture study;
  study.run();
  const fs::path file = study.stages("ask")[0] / "stage.json";
  const OrderedJson whole = run::read_ordered_json(file);
  const auto refused = [&](const char* field, const OrderedJson& value, const char* says) {
    OrderedJson record = whole;
    record[field] = value;
    write_file(file, record.dump());
    CHECK_THROWS_WITH_AS(study.run(), doctest::Contains(says), Error);
  };
  refused("result", 5, "stage.json: \"result\" is 5, expected an object");
  refused("seconds", "x", "stage.json: \"seconds\" is \"x\", expected a number");
  refused("seconds", nullptr, "stage.json: the field \"seconds\" is missing");
  refused("computed_on", 5, "stage.json: \"computed_on\" is 5, expected a string");
  refused("of_threads", "all", "stage.json: \"of_threads\" is \"all\", expected an integer");
  refused("removed", 1, "stage.json: \"removed\" is 1, expected true or false");
}

TEST_CASE("where lives were told a failed stage says how another takes them") {
  Fixture study;
  study.replace("rate = 0.5", "rate = 200");
  log().training = [&] { write_file(study.stages("model")[0] / "out" / "lives.jsonl", ""); };
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("the loss is infinite\nwith other options the stage takes"),
                       Error);
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("/out\""), Error);
}

TEST_CASE("an interrupted study goes on where it was, inside of a stage too") {
  const Fixture study;
  log().interrupt_at = 1;
  CHECK_THROWS_WITH_AS(study.run(), "stage 'model' of augment=single rank=none: interrupted at step 3", Interrupted);
  CHECK_FALSE(fs::exists(study.config.out / "results.json"));
  log() = {};
  const OrderedJson results = study.run();
  CHECK(log().calls == Calls{"train resumed", "ask", "train", "make 10 multi5", "train", "ask", "train", "ask"});
  CHECK(results["variants"].size() == 4);
}

TEST_CASE("an interrupted stage goes on under another spelling of OUT, and counts all its seconds") {
  Fixture study;
  const auto interrupt = [&] {
    log() = {.calls = {}, .interrupt_at = 1, .training = [] { ::usleep(200'000); }};
    CHECK_THROWS_AS(study.run(), Interrupted);
    log() = {};
  };
  interrupt();
  const fs::path out = study.config.out;
  study.config.out = fs::relative(out) / "." / "";
  study.config.only = {"augment=single", "rank=none"};
  const OrderedJson results = study.run();
  CHECK(log().calls == Calls{"train resumed", "ask"});
  CHECK(results["seconds"]["model"].get<double>() >= 0.2);
  CHECK(study.stages("model").size() == 1);
  CHECK_FALSE(fs::exists(study.stages("model")[0] / "begun.json"));

  study.config.out = study.temp / "here";
  interrupt();
  fs::rename(study.config.out, study.temp / "there");
  study.config.out = study.temp / "there";
  const std::string folder = fs::canonical(study.stages("model")[0]).string();
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains(("to begin the stage anew, delete " + folder).c_str()), Error);
  fs::remove_all(folder);
  CHECK(study.run()["variants"] == results["variants"]);
}

TEST_CASE("results are not replaced by others, nor a folder that is no study") {
  Fixture study;
  const OrderedJson whole = study.run();
  const auto refused = [&](const char* says) {
    CHECK_THROWS_WITH_AS(study.run(), doctest::Contains(says), Error);
    CHECK(run::read_ordered_json(study.config.out / "results.json") == whole);
  };
  study.config.only = {"augment=single"};
  refused("holds results with --only [], not [\"augment=single\"]; give another (with --stages ");
  study.config.only = {};
  study.config.set = {"people=11"};
  refused("holds results with --set {}, not {\"people\":\"11\"}; give another");
  study.config.set = {};
  study.config.scale = "large";
  refused("holds a study of scale \"small\", not \"large\"; give another");
  study.config.scale = "";
  write_file(study.temp / "other.toml", study::testing::small_recipe());
  study.config.recipe = (study.temp / "other.toml").string();
  refused("holds a study of recipe \"small\", not \"other\"; give another");

  study.config.recipe = (study.temp / "small.toml").string();
  study.config.out = study.temp / "part";
  study.config.only = {"rank=two", "augment=single"};
  study.run();
  study.config.only = {"augment=single", "rank=two"};
  study.run();
  study.config.only = {};
  CHECK(study.run()["variants"] == whole["variants"]);  // the whole has the part in it

  fs::remove(study.temp / "part" / "study.json");  // an older study
  CHECK(is_study(study.temp / "part"));
  study.run();
  study.config.out = study.temp / "mine";
  fs::create_directories(study.config.out);
  write_file(study.config.out / "recipe.toml", "mine");
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("exists and holds no study"), Error);
  CHECK(read_file(study.config.out / "recipe.toml") == "mine");
}

TEST_CASE("the page is of the recipe whose results it shows, also while another is under way") {
  const Fixture study;
  study.run();
  const std::string page = read_file(study.config.out / "report.html");
  study.replace("How many?", "How many are there?");
  study.replace("rate = 0.5", "rate = 0.75");
  log() = {.calls = {}, .interrupt_at = 1, .training = [] {}};
  CHECK_THROWS_AS(study.run(), Interrupted);
  log() = {};
  CHECK(run::page_html(study_page_of(study.config.out)) == page);
  study.run();
  CHECK(run::page_html(study_page_of(study.config.out)).find("How many are there?") != std::string::npos);
}

TEST_CASE("two studies do not work in one folder") {
  Fixture study;
  study.config.stages = study.temp / "shared";
  study.run();
  {
    run::Descriptor lock;
    run::lock_folder(study.config.out, lock, "");
    CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("in use by another run: wait for it, or give another --out"),
                         Error);
  }
  study.config.out = study.temp / "again";
  run::Descriptor lock;
  run::lock_folder(study.config.stages, lock, "");
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("wait for it, or give another --stages"), Error);
}

TEST_CASE("a dry run tells what is done") {
  Fixture study;
  log().interrupt_at = 1;
  CHECK_THROWS_AS(study.run(), Interrupted);
  log() = {};
  study.config.dry_run = true;
  std::string text;
  const OrderedJson plan = study.run(&text);
  CHECK(log().calls.empty());
  CHECK(plan["stages"][0]["done"] == true);
  CHECK(plan["stages"][1]["done"] == false);
  CHECK(text.starts_with("done  world augment=single\nto do model augment=single rank=none\n"));
}

TEST_CASE("errors of stages and of the output say where") {
  Fixture study;
  study.replace("world = \"{world}\"", "world = \"nowhere\"");
  study.config.dry_run = true;
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("stage 'model' of rank=none: --world: there is no 'nowhere'"),
                       UsageError);
  study.config.dry_run = false;
  study.write(study::testing::small_recipe());
  study.config.resume = true;
  study.config.out = study.temp / "new";
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("holds no study"), Error);
  study.config.resume = false;
  fs::create_directories(study.temp / "new" / "other");
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("exists and holds no study"), Error);
  study.config.out = study.temp / "a,b";
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("without a comma"), UsageError);
  study.config.out = study.temp / "one";
  study.config.stages = study.temp / "." / "one";
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("is --out; expected another folder"), UsageError);
  study.config.stages = study.temp / "one/";
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("is --out; expected another folder"), UsageError);
  study.config.stages = fs::absolute("not-there");
  study.config.out = "not-there";
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("is --out; expected another folder"), UsageError);
  study.config.out = study.temp / "one";
  study.config.stages = "";
  study.config.set = {"people=5", "people=6"};
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("--set people is given twice"), UsageError);
  study.config.set = {"people"};
  CHECK_THROWS_WITH_AS(study.run(), doctest::Contains("'people' is not NAME=VALUE"), UsageError);
}

TEST_CASE("a study whose stages another machine ran says so") {
  const Fixture study;
  study.run();
  const fs::path file = study.stages("model")[0] / "stage.json";
  OrderedJson record = run::read_ordered_json(file);
  CHECK(record["computed_on"] == processor_name());
  CHECK(record["threads"].get<int>() >= 1);
  CHECK(record["precision"] == "fp32");
  CHECK(record["version"] == "0");
  record["computed_on"] = "Another";
  record["of_threads"] = 16;
  write_file(file, record.dump());
  const std::string text = study.run()["computed_on"];
  CHECK(text.find("Another, 16 threads") != std::string::npos);
  CHECK(text.find(processor_name()) != std::string::npos);
  record.erase("computed_on");  // as older stages are
  record.erase("of_threads");
  write_file(file, record.dump());
  CHECK(study.run()["computed_on"].get<std::string>().find("Another") == std::string::npos);
}

TEST_CASE("curves of a run are part of the result where the page shows them") {
  const Fixture study;
  study.replace("[section.paper]",
                "[[section]]\ntitle = \"Learning\"\nshow = \"curves\"\nstage = \"model\"\nrows = \"augment\"\n#");
  study.replace("\"multi5, none\" = [9.5]\nbaseline = [2]", "");
  const OrderedJson results = study.run();
  CHECK(results["variants"][0]["stages"]["model"]["curves"].dump() == R"([{"tokens":5}])");
}

TEST_CASE("two studies share stages") {
  Fixture study;
  study.config.stages = study.temp / "shared";
  study.run();
  log().calls.clear();
  study.config.out = study.temp / "again";
  study.run();
  CHECK(log().calls.empty());
  CHECK(fs::exists(study.temp / "again" / "results.json"));
  CHECK_FALSE(fs::exists(study.temp / "again" / "stages"));
}
