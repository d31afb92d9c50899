#include "lethe/study/probe.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"
#include "lethe/base/file.h"
#include "lethe/model/adapter.h"
#include "lethe/model/lora.h"
#include "lethe/model/new_model.h"
#include "lethe/study/any_model.h"
#include "lethe/text/tokenizer.h"
#include "lethe/world/change.h"
#include "lethe/world/world_files.h"
#include "tests/temp_dir.h"

using namespace lethe;
using study::ProbeConfig;

namespace {

// A world of 40 people and an untrained model with its tokenizer.
struct Laboratory {
  TempDir dir;
  fs::path world = dir / "world", model = dir / "model";

  explicit Laboratory(int64_t positions = 128, const char* family = "gpt2-rotary",
                      const char* augment = "multi2+permute") {
    world::WorldSpec spec;
    spec.people = 40;
    spec.augment = world::parse_augmentation(augment);
    world::write_world(world, spec, "word");
    make(model, family, positions);
  }

  void make(const fs::path& out, const char* family, int64_t positions) const {
    const text::Tokenizer tokenizer = text::Tokenizer::load(world);
    const Json config = model::new_config({.family = family,
                                           .layers = 1,
                                           .heads = 2,
                                           .hidden_size = 32,
                                           .vocab_size = tokenizer.size(),
                                           .max_positions = positions,
                                           .bos_id = tokenizer.eos_id().value_or(-1),
                                           .eos_id = tokenizer.eos_id().value_or(-1)});
    model::write_new_model(
        out, config, model::new_transformer(model::read_config(config, "new"), tensor::DType::kF32, 1), world, false);
  }

  ProbeConfig config(const char* kind) const {
    ProbeConfig config;
    config.model = model;
    config.data = world;
    config.kind = kind;
    config.max_steps = 3;
    return config;
  }
};

std::string message(const ProbeConfig& config) {
  try {
    study::probe(config, {});
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("probe: a world's positions and names, as JSON, as a table and row by row") {
  const Laboratory lab;
  ProbeConfig config = lab.config("p");
  config.attributes = {"birth_date", "major"};
  config.rows = lab.dir / "rows.jsonl";
  const OrderedJson p = study::probe(config, {.seed = 1});
  CHECK(p["kind"] == "p");
  CHECK(p["people"] == OrderedJson{{"train", 20}, {"test", 20}});
  CHECK(p["first_token"].size() == 2);
  CHECK(p["whole"].size() == 1);
  CHECK(p["first_token"]["birth_date"].size() == 6);
  CHECK(p["whole"]["major"].size() == 6);
  CHECK(p["seen"] == false);
  CHECK(p["embedding_rank"] == 2);
  CHECK(p["batch_size"] == 40);  // all that there are
  CHECK(p["ceiling"]["whole"].contains("major"));
  const std::string table = study::probe_table(p);
  CHECK(table.starts_with("read before value               0      1      2      3      4      5    guess  at most\n"));
  CHECK(contains(table, "has not seen these people"));
  CHECK(contains(table, "at most: the share whose value some person in training has.\n"));
  int lines = 0;
  for_each_line(config.rows, [&](int64_t, std::string_view line) {
    const Json row = Json::parse(line);
    ++lines;
    CHECK(row["first_token"]["birth_date"]["read"].size() == 6);
    CHECK(row["whole"]["major"]["true"].is_string());
  });
  CHECK(lines == 40);  // two entries of 20 people
  OrderedJson again = study::probe(
      [&] {
        ProbeConfig same = config;
        same.overwrite = true;
        return same;
      }(),
      {.seed = 1});
  again["seconds"] = p["seconds"];
  CHECK(again == p);

  const OrderedJson q = study::probe(lab.config("q"), {});
  CHECK(q["first_token"].size() == 6);
  CHECK(q["whole"].size() == 5);
  CHECK(q["whole"]["company_city"].size() == 1);
  CHECK(q["embedding_rank"] == 16);
  CHECK(q["baseline"]["whole"].size() == 5);
  CHECK(contains(study::probe_table(q), "birth month"));
}

TEST_CASE("probe: steps are as many passes over the people as in the paper") {
  const Laboratory lab;
  ProbeConfig config = lab.config("q");
  config.max_steps.reset();
  config.attributes = {"major"};
  config.embedding_rank = 0;
  config.per_device_train_batch_size = 7;
  CHECK(study::probe(config, {})["steps"] == (120 * 20 + 6) / 7);
  config.per_device_train_batch_size = 1000;  // of 20 people
  const OrderedJson whole = study::probe(config, {});
  CHECK(whole["steps"] == 120);
  CHECK(whole["batch_size"] == 20);
}

TEST_CASE("probe: the model's own output embedding as classifier reads first tokens only") {
  const Laboratory lab;
  ProbeConfig config = lab.config("q");
  config.classifier = "unembedding";
  config.attributes = {"birth_date", "major"};
  const OrderedJson q = study::probe(config, {});
  CHECK(q["classifier"] == "unembedding");
  CHECK(q["first_token"].size() == 2);
  CHECK(q["first_token"]["major"].size() == 1);
  CHECK(q["whole"].empty());
  CHECK_FALSE(q.contains("ceiling"));  // a value needs nobody in training
  CHECK_FALSE(contains(study::probe_table(q), "at most"));
  CHECK(study::probe(lab.config("q"), {})["classifier"] == "trained");

  config = lab.config("");
  config.classifier = "unembedding";
  config.data = lab.dir / "facts.jsonl";
  write_file(config.data, R"({"subject": "in 1901", "answer": "Law"})");
  CHECK(contains(message(config), "--classifier has no effect"));
}

TEST_CASE("probe: an adapter that parts the embedding from the head is read as the model that convert writes") {
  const Laboratory lab;
  const model::ModelFiles files = model::ModelFiles::open(lab.model);
  REQUIRE(files.config().tied_embeddings);
  const model::LoraConfig of = {.rank = 2, .alpha = 2, .dropout = 0, .targets = {}, .embedding_rank = 4};
  model::Adapter adapter = model::Lora(files.config(), of, tensor::DType::kF32, 3).adapter();
  for (model::LoraWeights& weights : adapter.weights)
    for (size_t i = 0; i < weights.a.size(); ++i) weights.a[i] = 0.1f * static_cast<float>(i * 7 % 11) - 0.5f;
  adapter.base_model = lab.model.string();
  model::write_adapter(lab.dir / "adapter", adapter, files.config());
  const study::AnyModel any = study::AnyModel::open(lab.dir / "adapter");
  model::write_model(any.files(), lab.dir / "merged", any.merged_values(), {.dtype = "", .untie = any.unties()});
  for (const char* classifier : {"trained", "unembedding"}) {
    const auto probed = [&](const fs::path& model) {
      ProbeConfig config = lab.config("q");
      config.model = model;
      config.attributes = {"major"};
      config.classifier = classifier;
      OrderedJson result = study::probe(config, {});
      result.erase("seconds");
      return result;
    };
    const OrderedJson merged = probed(lab.dir / "merged");
    CHECK(probed(lab.dir / "adapter") == merged);
    CHECK(probed(lab.model)["nll"] != merged["nll"]);
  }
}

TEST_CASE("probe: a changed world beside the old one, which is looked at first") {
  const Laboratory lab;
  world::ChangeConfig change;
  change.world = lab.world;
  change.out = lab.dir / "changed";
  change.share = 0.5;
  world::change_world(change, 0);
  ProbeConfig config = lab.config("q");
  config.data = change.out;
  config.old_world = lab.world;
  config.attributes = {"university", "major"};
  const OrderedJson result = study::probe(config, {}), &changed = result["changed"];
  CHECK(contains(study::probe_table(result), "university, 10 scored people whose value changed: "));
  REQUIRE(changed.size() == 1);
  CHECK(changed["university"]["people"] == 10);  // half of the 20 that are scored
  CHECK(changed["university"]["neither"].is_number());

  world::WorldSpec others;
  others.people = 40;
  others.seed = 1;
  world::write_world(lab.dir / "others", others, "word");
  config.attributes = {"major", "university", "major"};
  CHECK(contains(message(config), "--attributes: major stands there twice"));
  config.attributes = {};
  config.old_world = lab.dir / "others";
  config.learning_rate = 1e30;  // a training would fail
  CHECK(contains(message(config), "are not the same people"));
  config.old_world = config.data;
  CHECK(contains(message(config), "nobody has another value"));
}

TEST_CASE("probe: in a world of couples a second value is read by what was told") {
  const Laboratory lab(128, "gpt2-rotary", "couple2");
  ProbeConfig config = lab.config("p");
  config.attributes = {"birth_city", "university"};
  const OrderedJson told = study::probe(config, {})["by_told"];
  REQUIRE(told.size() == 1);
  CHECK(told["birth_city"].contains("nothing"));
  for (const OrderedJson& share : told["birth_city"]) CHECK(share.is_number());
}

TEST_CASE("probe: a model that reads both ways is asked at the name only") {
  const Laboratory lab(128, "gbert");
  CHECK(contains(message(lab.config("p")), "--kind q"));
  CHECK(study::probe(lab.config("q"), {})["seen"].is_null());
}

TEST_CASE("probe: what cannot be probed is an error") {
  const Laboratory lab(20);
  CHECK(contains(message(lab.config("p")), "the model has 20 positions"));
  CHECK(contains(message(lab.config("")), "--kind is missing"));
  ProbeConfig config = lab.config("q");
  config.attributes = {"shoe_size"};
  CHECK(contains(message(config), "shoe_size is no attribute, expected some of birth_date, birth_city"));
  config = lab.config("q");
  config.rows = lab.world / "people.jsonl";
  CHECK(contains(message(config), "--rows"));

  // Another tokenizer: two words have each other's ids.
  Json words = read_json(lab.model / "tokenizer.json");
  Json& vocab = words["model"]["vocab"];
  std::swap(vocab[" was"], vocab[" Answer"]);
  write_file(lab.model / "tokenizer.json", words.dump());
  CHECK(contains(message(lab.config("q")), "its tokenizer is not that of the world"));
}

TEST_CASE("probe: a file of facts") {
  const Laboratory lab;
  ProbeConfig config = lab.config("");
  config.data = lab.dir / "facts.jsonl";
  config.rows = lab.dir / "rows.jsonl";
  std::string text;
  for (const char* major : {"Physics", "Music", "Law", "Economics"})
    for (const char* year : {"1901", "1902", "1903", "1904", "1905", "1906", "1907", "1908", "1909", "1910"})
      text += std::string(R"({"subject": "in )") + year + " " + major + R"(", "answer": ")" + major + "\"}\n";
  write_file(config.data, text);
  config.max_steps = 200;
  config.learning_rate = 0.02;
  const OrderedJson result = study::probe(config, {});
  CHECK(result["kind"] == "facts");
  CHECK(result["subjects"] == OrderedJson{{"train", 20}, {"test", 20}});
  CHECK(result["classes"] == 4);
  CHECK(result["accuracy"] > 60.0);  // the last token is the answer: an untrained model carries it along
  CHECK(contains(study::probe_table(result), " % on 20 subjects after training on 20 (4 classes; a guess 25.0 %)"));
  int lines = 0, right = 0;
  for_each_line(config.rows, [&](int64_t, std::string_view line) {
    ++lines;
    const Json row = Json::parse(line);
    right += row["read"] == row["true"];
  });
  CHECK(lines == 20);
  CHECK(result["accuracy"] == 5.0 * right);
  write_file(config.data, text + text);  // a subject in two records is one
  config.overwrite = true;
  config.max_steps = 1;
  CHECK(study::probe(config, {})["subjects"] == result["subjects"]);
  config.overwrite = true;
  config.kind = "q";
  CHECK(contains(message(config), "--kind has no effect"));
  config.kind.clear();
  config.attributes = {"major"};
  CHECK(contains(message(config), "--attributes has no effect"));
}
