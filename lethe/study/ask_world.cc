#include "lethe/study/ask_world.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>

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
  if (config.limit > 0 && std::ssize(questions) / std::ssize(world::kAttributes) > config.limit)
    questions.resize(static_cast<size_t>(config.limit) * world::kAttributes.size());
  if (config.in_other_words)
    for (world::Question& question : questions) {
      const std::string name = world.people[static_cast<size_t>(question.person)].full_name();
      question.prompt = world::question_prompt(question.attribute, name, world::Wording::kOther);
    }
  return questions;
}

// The questions whose answer was another one in `before`, with that answer; the place of each in `questions`.
struct Earlier {
  std::vector<world::Question> questions;
  std::vector<size_t> places;
};
Earlier earlier_answers(const std::vector<world::Question>& questions, const world::World& before) {
  Earlier earlier;
  for (size_t i = 0; i < questions.size(); ++i) {
    world::Question old = questions[i];
    old.completion = world::completion(before.people[static_cast<size_t>(old.person)], old.attribute);
    if (old == questions[i]) continue;
    earlier.questions.push_back(std::move(old));
    earlier.places.push_back(i);
  }
  check(!earlier.places.empty(), "--old-world: no answer is another one in {}, of {} questions asked",
        before.path.string(), questions.size());
  return earlier;
}

// How facts that changed are answered, as they are now, as they were, or neither; and all the others.
OrderedJson readings_of_change(const std::vector<world::Question>& questions,
                               const std::vector<measure::Answered>& answers, const Earlier& earlier,
                               const std::vector<measure::Answered>& as_earlier) {
  OrderedJson json, &changed = json["changed"];
  for (const world::Attribute attribute : world::kAttributes) {
    double people = 0, is_new = 0, is_old = 0, neither = 0;
    for (size_t i = 0; i < earlier.places.size(); ++i) {
      if (earlier.questions[i].attribute != attribute) continue;
      const bool now = answers[earlier.places[i]].exact_match, then = as_earlier[i].exact_match;
      ++people, is_new += now, is_old += then, neither += !now && !then;
    }
    if (people > 0)
      changed[std::string(world::attribute_name(attribute))] = {{"people", static_cast<int64_t>(people)},
                                                                {"new", 100 * is_new / people},
                                                                {"old", 100 * is_old / people},
                                                                {"neither", 100 * neither / people}};
  }
  std::vector<world::Question> unchanged;
  std::vector<measure::Answered> their_answers;
  for (size_t i = 0, next = 0; i < questions.size(); ++i) {
    if (next < earlier.places.size() && earlier.places[next] == i) {
      ++next;
      continue;
    }
    unchanged.push_back(questions[i]);
    their_answers.push_back(answers[i]);
  }
  if (unchanged.empty()) return json;
  const measure::QuestionScore mean = measure::scores_of(unchanged, their_answers).mean();
  json["unchanged"] = {{"exact_match", mean.exact_match}, {"first_token", mean.first_token}, {"count", mean.count}};
  return json;
}

}  // namespace

void AskConfig::add_to(Options& options) {
  options.add("model", model, "a Hugging Face directory, or a PEFT adapter on one").positional().required();
  options.add("world", world, "a directory that `lethe world make` wrote").positional().required().placeholder("WORLD");
  options.add("split", split, "whose questions: those of training, or of the people never asked about in it")
      .one_of({"train", "test"});
  options.add("limit", limit, "only the first N people; 0: all").at_least(0);
  options.add("in-other-words", in_other_words, "ask each question in words that no training asked it in").flag();
  options
      .add("old-world", old_world,
           "the WORLD before it was changed; also says whether the new answer, the old one or neither is given")
      .placeholder("WORLD");
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
  const bool causal = any.files().config().causal;
  check(causal || config.num_beams == 1,
        "--num-beams {}: {} recovers all tokens of an answer at once, there is nothing to search", config.num_beams,
        config.model.string());
  check(causal || config.old_world.empty(),
        "--old-world: {} answers by as many words as are hidden: the new answer and the old one are two questions",
        config.model.string());
  const std::vector<world::Question> questions = questions_to_ask(config, world);
  std::optional<Earlier> earlier;
  if (!config.old_world.empty()) earlier = earlier_answers(questions, old_world_of(world, config.old_world));
  model::Transformer transformer = any.load(run.precision);
  const measure::NamedModel model{transformer, config.model.string()};

  OrderedJson json{{"split", config.split}};
  const auto ask = [&](const std::vector<world::Question>& asked) {
    return measure::answer_questions(model, tokenizer, asked, "ask", config.num_beams);
  };
  const std::vector<measure::Answered> answers = ask(questions);
  json.update(measure::scores_of(questions, answers).json());
  if (earlier) json.update(readings_of_change(questions, answers, *earlier, ask(earlier->questions)));
  json["people"] = questions.size() / world::kAttributes.size();
  json["questions"] = questions.size();
  json["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const size_t shown = std::min(questions.size(), static_cast<size_t>(kExamplePeople) * world::kAttributes.size());
  const std::vector<world::Question> first(questions.begin(), questions.begin() + static_cast<std::ptrdiff_t>(shown));
  const std::vector<std::string> spoken = measure::spoken_answers(model, tokenizer, first);
  json["examples"] = OrderedJson::array();
  for (size_t i = 0; i < first.size(); ++i)
    json["examples"].push_back({{"person", world.people.at(static_cast<size_t>(first[i].person)).full_name()},
                                {"attribute", world::attribute_name(first[i].attribute)},
                                {"prompt", first[i].prompt},
                                {"truth", first[i].completion.substr(1)},
                                {"answer", spoken[i]}});
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
  if (json.contains("unchanged")) row("unchanged", json["unchanged"]);
  table += fmt::format("{} people of the {} half, {} questions\n", json["people"].get<int64_t>(),
                       json["split"].get<std::string>(), json["questions"].get<int64_t>());
  if (json.contains("changed"))
    for (const auto& [attribute, read] : json["changed"].items())
      table += fmt::format(
          "{}, {} people of whom it changed: {:.1f} answered as it is now, {:.1f} as it was, {:.1f} as neither\n",
          attribute, read["people"].get<int64_t>(), read["new"].get<double>(), read["old"].get<double>(),
          read["neither"].get<double>());
  return table;
}

}  // namespace lethe::study
