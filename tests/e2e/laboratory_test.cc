// The laboratory from a world to answers: pretrain, finetune, evaluate, on worlds of a few people.
#include <doctest/doctest.h>

#include <csignal>

#include "tests/e2e/bad_input.h"
#include "tests/e2e/training.h"

namespace {

using lethe::Json;
namespace fs = lethe::fs;

const char* const kAttributes[] = {"birth_date", "birth_city", "university", "major", "company", "company_city"};

Arguments plus(Arguments arguments, const Arguments& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::string make_world(const TempDir& dir, const std::string& name, const Arguments& more) {
  const std::string out = (dir / name).string();
  const Run run = run_lethe(plus({"world", "make", "--out", out}, more));
  CAPTURE(run.err);
  REQUIRE(run.status == 0);
  return out;
}

Arguments tiny(const std::string& world, const std::string& out, const Arguments& more = {}) {
  return plus({"pretrain", world, "--out", out, "--layers", "2", "--heads", "2", "--hidden-size", "64",
               "--max-seq-length", "128", "--per-device-train-batch-size", "4"},
              more);
}

TEST_CASE("a small net reads a few lives, learns to answer, and is asked: every step of the laboratory") {
  const TempDir dir;
  const std::string world = make_world(dir, "w", {"--people", "8", "--augment", "multi2+permute"});
  const std::string model = (dir / "model").string(), tuned = (dir / "tuned").string();
  const Json trained =
      check_works(tiny(world, model, {"--max-steps", "150", "--learning-rate", "5e-3", "--json"})).json();
  CHECK(trained["steps"] == 150);
  CHECK(trained["texts"] == 16);
  CHECK(trained["tokens"] == 150 * 4 * 128);
  CHECK(trained["loss"].get<double>() < 1);  // from log(2800) = 7.9
  std::vector<Json> curves;
  lethe::for_each_line(dir / "model" / "lethe" / "curves.jsonl",
                       [&](int64_t, std::string_view line) { curves.push_back(Json::parse(line)); });
  REQUIRE(curves.size() == 25);
  CHECK(curves.back()["step"] == 150);
  for (const char* kind : {"biography", "question"})
    for (const char* half : {"train", "test"}) CHECK(curves.back()[kind].contains(half));
  CHECK(curves.back()["biography"]["train"].get<double>() > curves.front()["biography"]["train"].get<double>() + 20);

  const Json fitted =
      check_works({"finetune", model, world, "--out", tuned, "--method", "lora", "--embedding-rank", "16",
                   "--max-steps", "300", "--per-device-train-batch-size", "8", "--learning-rate", "3e-3", "--json"})
          .json();
  CHECK(fitted["examples"] == 4 * 6);  // of the training half alone
  const Json adapter = lethe::read_json(dir / "tuned" / "adapter_config.json");
  CHECK(adapter["r"] == 8);
  CHECK(adapter["lora_alpha"] == 32);  // 4 times B A, as in the paper
  CHECK(adapter["rank_pattern"] == Json({{"gpt_neox.embed_in", 16}}));

  const Json asked = check_works({"evaluate", tuned, world, "--split", "train", "--json"}).json();
  CHECK(asked["split"] == "train");
  CHECK(asked["people"] == 4);
  CHECK(asked["mean"]["exact_match"].get<double>() > 90);
  for (const char* attribute : kAttributes) CHECK(asked[attribute]["count"] == 4);
  REQUIRE(asked["examples"].size() == 24);
  int right = 0;
  for (const Json& example : asked["examples"]) right += example["truth"] == example["answer"];
  CHECK(100.0 * right / 24 == doctest::Approx(asked["mean"]["exact_match"].get<double>()));  // spoken and scored agree
  const Json searched =
      check_works({"evaluate", tuned, world, "--split", "train", "--num-beams", "3", "--json"}).json();
  CHECK(searched["mean"]["first_token"] == asked["mean"]["first_token"]);
  CHECK(searched["mean"]["exact_match"].get<double>() > 90);
  const Json test = check_works({"evaluate", tuned, world, "--json"}).json();
  CHECK(test["split"] == "test");
  CHECK(test["mean"]["exact_match"].get<double>() < asked["mean"]["exact_match"].get<double>());

  // Asked in words that it never learned, and after a change of the world that it was told nothing of.
  const Json other = check_works({"evaluate", tuned, world, "--split", "train", "--in-other-words", "--json"}).json();
  CHECK(other["mean"]["exact_match"].get<double>() <= asked["mean"]["exact_match"].get<double>());
  for (size_t i = 0; i < other["examples"].size(); ++i) {
    const Json &in_other = other["examples"][i], &as_taught = asked["examples"][i];
    CHECK(in_other["truth"] == as_taught["truth"]);
    CHECK(in_other["prompt"] != as_taught["prompt"]);
    const Json ids = check_works({"tokenize", model, in_other["prompt"], "--json"}).json()["ids"];
    CHECK(std::ranges::count(ids, Json(1)) == 0);  // <unk>
  }
  const std::string changed = (dir / "changed").string();
  check_works({"world", "change", world, "--share", "0.5", "--out", changed});
  const Arguments after = {"evaluate", tuned, changed, "--split", "train", "--old-world", world};
  CHECK(contains(check_works(after).out, "university, 2 people of whom it changed: "));
  const Json now = check_works(plus(after, {"--json"})).json();
  CHECK(now["mean"]["exact_match"].get<double>() ==
        doctest::Approx(asked["mean"]["exact_match"].get<double>() -
                        asked["university"]["exact_match"].get<double>() / 6 +
                        now["university"]["exact_match"].get<double>() / 6));
  CHECK(now["unchanged"]["count"] == 4 * 6 - 2);
  CHECK(now["unchanged"]["exact_match"].get<double>() > 85);
  REQUIRE(now["changed"].size() == 1);
  const Json& university = now["changed"]["university"];
  CHECK(university["people"] == 2);
  CHECK(university["new"] == 0);
  CHECK(university["old"].get<double>() + university["neither"].get<double>() == doctest::Approx(100));
  CHECK(university["old"].get<double>() > 0);
  check_fails(1, {"evaluate", tuned, world, "--old-world", world}, {"--old-world: nobody has another value in"});
  check_fails(1, {"probe", tuned, changed, "--kind", "q", "--rows", changed + "/people.jsonl", "--overwrite"},
              {"people.jsonl lies in " + changed});
  const std::string strangers = make_world(dir, "strangers", {"--people", "8", "--seed", "5"});
  check_fails(1, {"evaluate", tuned, changed, "--old-world", strangers}, {"are not the same people"});

  const Json said = check_works({"generate", tuned, "--prompt", asked["examples"][0]["prompt"], "--json"}).json();
  CHECK(contains(said["text"], asked["examples"][0]["answer"]));

  // Mixed training answers without a fine-tuning.
  const std::string mixed = (dir / "mixed").string();
  check_works(tiny(world, mixed, {"--mixed", "0.5", "--max-steps", "300", "--learning-rate", "5e-3"}));
  const Json of_mixed = check_works({"evaluate", mixed, world, "--split", "train", "--json"}).json();
  CHECK(of_mixed["mean"]["exact_match"].get<double>() > 60);
}

TEST_CASE("a pretraining that was interrupted goes on to the same bytes") {
  const TempDir dir;
  const std::string world = make_world(dir, "w", {"--people", "30"});
  const std::string whole = (dir / "whole").string(), parts = (dir / "parts").string();
  const Arguments options = {"--max-steps", "40", "--save-steps", "5", "--logging-steps", "1", "--eval-steps", "7"};
  check_works(tiny(world, whole, options));
  const Run stopped = run_lethe_until(
      tiny(world, parts, plus(options, {"--threads", "1"})),
      [&] { return lines_of(dir / "parts" / "lethe" / "metrics.jsonl") >= 12; }, SIGINT);
  REQUIRE(stopped.status == 130);
  CHECK(contains(stopped.err, "--resume"));
  check_works(tiny(world, parts, plus(options, {"--resume"})));
  CHECK(result_of(dir / "whole") == result_of(dir / "parts"));
  CHECK(lethe::read_file(dir / "whole" / "lethe" / "curves.jsonl") ==
        lethe::read_file(dir / "parts" / "lethe" / "curves.jsonl"));
  CHECK(metrics_of(dir / "whole") == metrics_of(dir / "parts"));
}

TEST_CASE("with celebrities, training asks about them, tests about everybody else") {
  const TempDir dir;
  const std::string world = make_world(dir, "w", {"--people", "20", "--celebrities", "4"});
  const std::string model = (dir / "model").string(), tuned = (dir / "tuned").string();
  check_works(tiny(world, model, {"--max-steps", "2"}));
  CHECK(check_works({"finetune", model, world, "--out", tuned, "--max-steps", "1", "--json"}).json()["examples"] ==
        4 * 6);
  CHECK(check_works({"evaluate", tuned, world, "--split", "train", "--json"}).json()["people"] == 4);
  CHECK(check_works({"evaluate", tuned, world, "--json"}).json()["people"] == 20);
}

TEST_CASE("a model that reads in both directions: whole-word masks, answers behind as many masks") {
  const TempDir dir;
  const std::string world = make_world(dir, "w", {"--people", "6"});
  const std::string model = (dir / "model").string(), tuned = (dir / "tuned").string();
  check_works(tiny(world, model, {"--family", "gbert", "--max-steps", "60", "--learning-rate", "3e-3"}));
  check_works({"finetune", model, world, "--out", tuned, "--method", "full", "--max-steps", "500", "--learning-rate",
               "1e-3", "--per-device-train-batch-size", "18"});
  const Json asked = check_works({"evaluate", tuned, world, "--split", "train", "--json"}).json();
  CHECK(asked["mean"]["exact_match"].get<double>() > 80);
  check_fails(1, {"generate", model, "--prompt", "What"}, {"gbert", "generate"});
}

TEST_CASE("text files, other families") {
  const TempDir dir;
  const std::string world = make_world(dir, "w", {"--people", "4"}), text = (dir / "t.jsonl").string();
  lethe::write_file(text,
                    "{\"text\":\" Gerald was born in Boise, ID.\"}\n{\"text\":\" She was born in Boise, ID.\"}\n");
  for (const std::string family : {"gpt2", "llama"}) {
    const std::string out = (dir / family).string();
    check_works({"pretrain", text, "--tokenizer", world, "--family", family, "--layers", "1", "--heads", "2",
                 "--hidden-size", "32", "--max-seq-length", "16", "--max-steps", "3", "--out", out});
    CHECK(lethe::read_json(dir / family / "config.json")["model_type"] == family);
    check_works({"generate", out, "--prompt", " She was", "--max-new-tokens", "2"});
  }
}

TEST_CASE("what the laboratory refuses") {
  const TempDir dir;
  const std::string world = make_world(dir, "w", {"--people", "4"}), out = (dir / "out").string();
  const std::string other = copy_model(dir).string();
  check_fails(1, {"pretrain", world, "--out", out, "--max-seq-length", "32"},
              {"--max-seq-length is 32", "biography", world});
  check_fails(2, {"pretrain", world, "--out", out, "--tokenizer", world}, {"--tokenizer", "the world has its own"});
  check_fails(2, {"pretrain", world, "--out", out, "--mixed", "1"}, {"--mixed", "'1'"});
  check_fails(2, {"pretrain", world, "--out", out, "--heads", "0"}, {"--heads", "'0'"});
  check_fails(2, {"pretrain", world, "--out", out, "--heads", "3"}, {"--hidden-size 256", "multiple of the 3 heads"});
  check_fails(1, {"pretrain", world, "--out", out, "--max-seq-length", "100000000"},
              {"a new gpt2-rotary model: max_positions is 100000000"});
  check_fails(1, {"finetune", other, world, "--out", out}, {"tokenizer", other, world});
  check_fails(1, {"evaluate", other, world}, {"tokenizer", other, world});
  check_fails(1, {"evaluate", world, other}, {other, "no world", "the model comes first"});
  check_fails(1, {"evaluate", world, world}, {world, "no config.json", "this is a WORLD"});
  check_fails(2, {"evaluate", other}, {"no facts", "WORLD"});
  lethe::write_file(dir / "t.txt", "a text");
  check_fails(2, {"pretrain", (dir / "t.txt").string(), "--out", out}, {"--tokenizer"});
  check_fails(2, {"pretrain", (dir / "nowhere").string(), "--out", out}, {"nowhere", "neither a WORLD"});
  check_fails(2, {"pretrain", (dir / "t.txt").string(), "--tokenizer", world, "--mixed", "0.5", "--out", out},
              {"--mixed has no effect", "WORLD"});
  CHECK_FALSE(fs::exists(out));
  std::string lines = lethe::read_file(dir / "w" / "questions.jsonl");
  lethe::write_file(dir / "w" / "questions.jsonl", lines.insert(lines.find('\n') + 1, "{\"person\":"));
  check_fails(1, tiny(world, out), {"questions.jsonl", "2"});
  CHECK_FALSE(fs::exists(out));
}

}  // namespace
