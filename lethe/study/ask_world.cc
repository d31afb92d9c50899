#include "lethe/study/ask_world.h"

#include <fmt/format.h>

#include <chrono>

#include "lethe/base/error.h"
#include "lethe/measure/questions.h"
#include "lethe/study/any_model.h"
#include "lethe/study/prepare.h"
#include "lethe/study/world_data.h"

namespace lethe::study {
namespace {

constexpr int64_t kExamplePeople = 10;

std::vector<world::Question> questions_to_ask(const AskConfig& config, const world::World& world) {
  std::vector<world::Question> questions =
      config.split == "train" ? world::training_questions(world) : world::test_questions(world);
  check(!questions.empty(), "{}: nobody is in the {} half", world.path.string(), config.split);
  const auto most = static_cast<size_t>(config.limit) * world::kAttributes.size();
  if (config.limit > 0 && questions.size() > most) questions.resize(most);
  return questions;
}

}  // namespace

void AskConfig::add_to(Options& options) {
  options.add("model", model, "a Hugging Face directory, or a PEFT adapter on one").positional().required();
  options.add("world", world, "a directory that `lethe world make` wrote").positional().required().placeholder("WORLD");
  options.add("split", split, "whose questions: those of training, or of the people never asked about in it")
      .one_of({"train", "test"});
  options.add("limit", limit, "only the first N people; 0: all").at_least(0);
  options.add("num-beams", num_beams, "search answers with so many beams; 1: greedy").at_least(1).at_most(64);
  options.group("Options");
  options.add("base-model", base_model, "the model under an adapter, where it is not found beside it")
      .placeholder("MODEL");
}

OrderedJson ask_world(const AskConfig& config, const RunInfo& run) {
  const auto begin = std::chrono::steady_clock::now();
  const world::World world = world::World::load(config.world);
  const AnyModel any = AnyModel::open(config.model, config.base_model);
  const text::Tokenizer tokenizer = any.tokenizer();
  check_same_tokenizer(config.model.string(), tokenizer, world);
  check(any.files().config().causal || config.num_beams == 1,
        "--num-beams {}: {} recovers all tokens of an answer at once, there is nothing to search", config.num_beams,
        config.model.string());
  model::Transformer transformer = any.load(run.precision);
  const measure::NamedModel model{transformer, config.model.string()};
  const std::vector<world::Question> questions = questions_to_ask(config, world);

  OrderedJson json{{"split", config.split}};
  json.update(measure::score_questions(model, tokenizer, questions, "ask", config.num_beams).json());
  json["people"] = questions.size() / world::kAttributes.size();
  json["questions"] = questions.size();
  json["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const size_t shown = std::min(questions.size(), static_cast<size_t>(kExamplePeople) * world::kAttributes.size());
  const std::vector<world::Question> first(questions.begin(), questions.begin() + static_cast<std::ptrdiff_t>(shown));
  const std::vector<std::string> answers = measure::spoken_answers(model, tokenizer, first);
  json["examples"] = OrderedJson::array();
  for (size_t i = 0; i < first.size(); ++i)
    json["examples"].push_back({{"person", world.people.at(static_cast<size_t>(first[i].person)).full_name()},
                                {"attribute", world::attribute_name(first[i].attribute)},
                                {"prompt", first[i].prompt},
                                {"truth", first[i].completion.substr(1)},
                                {"answer", answers[i]}});
  return json;
}

std::string ask_table(const OrderedJson& json) {
  std::string table = fmt::format("{:<16}{:>14}{:>14}\n", "percent", "exact match", "first token");
  const auto row = [&](const std::string& name, const OrderedJson& score) {
    table += fmt::format("{:<16}{:>14.1f}{:>14.1f}\n", name, score["exact_match"].get<double>(),
                         score["first_token"].get<double>());
  };
  for (const world::Attribute attribute : world::kAttributes) {
    const std::string name(world::attribute_name(attribute));
    if (json.contains(name)) row(name, json[name]);
  }
  row("mean", json["mean"]);
  return table + fmt::format("{} people of the {} half, {} questions\n", json["people"].get<int64_t>(),
                             json["split"].get<std::string>(), json["questions"].get<int64_t>());
}

}  // namespace lethe::study
