#include "lethe/study/probe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "lethe/base/error.h"
#include "lethe/measure/probe_facts.h"
#include "lethe/measure/probe_readings.h"
#include "lethe/measure/probe_world.h"
#include "lethe/run/progress.h"
#include "lethe/study/any_model.h"
#include "lethe/study/prepare.h"
#include "lethe/study/world_data.h"

namespace lethe::study {
namespace {

using measure::ProbeKind;
using measure::ProbeOptions;

// The passes over the training people of the paper's probes: 30,000 steps of 50 or 200 inputs over 50,000 people.
constexpr double kPassesP = 30, kPassesQ = 120;
constexpr int64_t kFactsSteps = 500;
// The paper's goes with its 30,000 steps; a small world has a few hundred, in which the update of the embedding, all
// that is trained but a norm where the classifier is the model's own, gets nowhere with it.
constexpr double kRateTrained = 1e-3, kRateUnembedding = 5e-2;

std::vector<world::Attribute> attributes_of(const std::vector<std::string>& names) {
  std::vector<world::Attribute> attributes(world::kAttributes.begin(), world::kAttributes.end());
  if (names.empty()) return attributes;
  attributes.clear();
  for (const std::string& name : names) {
    const auto attribute = world::find_attribute(name);
    if (!attribute)
      fail_usage("--attributes: {} is no attribute, expected some of {}", name,
                 fmt::join(world::attribute_names(), ", "));
    if (std::ranges::count(attributes, *attribute) > 0) fail_usage("--attributes: {} stands there twice", name);
    attributes.push_back(*attribute);
  }
  return attributes;
}

double percent(double share) { return 100 * share; }

// A probe of one model, opened once.
class Probing {
 public:
  Probing(const ProbeConfig& config, const RunInfo& run)
      : config_(config),
        rows_(
            open_rows(config.rows, config.overwrite, {config.model, config.data, config.base_model, config.old_world})),
        any_(AnyModel::open(config.model, config.base_model)),
        tokenizer_(any_.tokenizer()),
        transformer_(any_.load_merged(run.precision)),
        name_(config.model.string()) {
    options_.learning_rate =
        config.learning_rate.value_or(config.classifier == "unembedding" ? kRateUnembedding : kRateTrained);
    options_.weight_decay = config.weight_decay;
    options_.seed = run.seed;
  }

  OrderedJson of_world() {
    if (config_.kind.empty()) fail_usage("--kind is missing: p (at six positions of biographies) or q (at the name)");
    const bool p = config_.kind == "p";
    const std::vector<world::Attribute> attributes = attributes_of(config_.attributes);
    const world::World world = world::World::load(config_.data);
    check_same_tokenizer(name_, tokenizer_, world);
    std::optional<world::World> before;
    if (!config_.old_world.empty()) before = old_world_of(world, config_.old_world);
    const model::ModelConfig& model = any_.files().config();
    if (p) model::check_causal(model, name_, "be probed before a value stands there; give --kind q");
    const bool frozen = config_.classifier == "unembedding";
    if (frozen) options_.classifier = measure::ProbeClassifier::kUnembedding;
    const measure::WorldProbe data =
        measure::world_probe(world, tokenizer_, model.max_positions, p ? ProbeKind::kPositions : ProbeKind::kQuery,
                             attributes, options_.classifier);
    OrderedJson known{{"seen", nullptr}, {"nll", nullptr}, {"nll_of_others", nullptr}};
    if (model.causal) {
      const measure::Acquaintance a = measure::acquaintance({transformer_, name_}, world, tokenizer_);
      if (a.people > 1) known = {{"seen", a.seen}, {"nll", a.nll}, {"nll_of_others", a.nll_of_others}};
      if (a.people > 1 && !a.seen)
        run::message(
            "{} has not seen the people of {}: biographies told of somebody else are as probable to it (loss {:.3f} a "
            "value's first token, {:.3f} with names exchanged)",
            name_, config_.data.string(), a.nll, a.nll_of_others);
    }
    options_.norm = p ? measure::ProbeNorm::kLayer : measure::ProbeNorm::kBatch;
    options_.embedding_rank = config_.embedding_rank.value_or(p ? 2 : 16);
    options_.batch_size = batch_size(p ? 50 : 200, data.train);
    const double inputs = (p ? kPassesP : kPassesQ) * static_cast<double>(data.train_people);
    options_.max_steps =
        config_.max_steps.value_or(static_cast<int64_t>(std::ceil(inputs / static_cast<double>(options_.batch_size))));
    if (!frozen) tell_of_few(data);
    const std::vector<measure::ProbeScores> scores = train(data.train, data.test, data.targets);
    write_world_rows(world, data, scores, p);

    OrderedJson result{{"kind", config_.kind},
                       {"classifier", config_.classifier},
                       {"people", {{"train", data.train_people}, {"test", data.test_people}}}};
    for (const char* part : {"first_token", "whole", "baseline"}) result[part] = OrderedJson::object();
    for (size_t k = 0; k < scores.size(); ++k) {
      const char* part = data.meanings[k].whole ? "whole" : "first_token";
      const std::string& attribute = data.targets[k].name;
      for (const double a : scores[k].accuracy) result[part][attribute].push_back(percent(a));
      result["baseline"][part][attribute] = percent(scores[k].baseline);
      if (!frozen) result["ceiling"][part][attribute] = percent(scores[k].ceiling);  // it needs nobody in training
    }
    if (p && world.spec.augment.order == world::Augmentation::kCoupled && !world.spec.rewrite)
      result["by_told"] = measure::readings_by_told(world, data, scores);
    if (before) result["changed"] = measure::readings_of_changed(world, *before, data, scores);
    result.update(known);
    return finished(std::move(result));
  }

  OrderedJson of_facts() {
    if (!config_.kind.empty()) fail_usage("--kind has no effect: {} is no world", config_.data.string());
    if (!config_.old_world.empty()) fail_usage("--old-world has no effect: {} is no world", config_.data.string());
    if (config_.classifier != "trained")
      fail_usage("--classifier has no effect: {} is no world", config_.data.string());
    if (!config_.attributes.empty()) fail_usage("--attributes has no effect: {} is no world", config_.data.string());
    const measure::FactsProbe data =
        measure::facts_probe(config_.data, tokenizer_, any_.files().config().max_positions, options_.seed);
    if (data.left_out > 0) run::message("{} facts are left out: no other subject has their answer", data.left_out);
    options_.norm = measure::ProbeNorm::kBatch;
    options_.embedding_rank = config_.embedding_rank.value_or(0);
    options_.batch_size = batch_size(200, data.train);
    options_.max_steps = config_.max_steps.value_or(kFactsSteps);
    const measure::ProbeScores scores = train(data.train, data.test, {data.target})[0];
    for (size_t i = 0; rows_ && i < data.test.size(); ++i) {
      const auto label = static_cast<size_t>(data.test[i].label);
      write_row({{"text", data.texts[label]},
                 {"true", data.classes[static_cast<size_t>(data.target.labels[label])]},
                 {"read", data.classes[static_cast<size_t>(scores.predicted[i])]}});
    }
    return finished({{"kind", "facts"},
                     {"subjects", {{"train", data.train_subjects}, {"test", data.test_subjects}}},
                     {"classes", data.classes.size()},
                     {"accuracy", percent(scores.accuracy[0])},
                     {"baseline", percent(scores.baseline)},
                     {"ceiling", percent(scores.ceiling)}});
  }

 private:
  // A classifier cannot learn a value that nearly nobody in training has; people would read that as "not encoded".
  static void tell_of_few(const measure::WorldProbe& data) {
    constexpr double kFewest = 10;
    std::vector<std::string> names;
    for (size_t k = 0; k < data.targets.size(); ++k)
      if (!data.meanings[k].whole &&
          static_cast<double>(data.train_people) < kFewest * static_cast<double>(data.targets[k].classes))
        names.push_back(data.targets[k].name);
    if (!names.empty())
      run::message(
          "{}: fewer than {:.0f} people in training for each value, which a trained classifier hardly learns, however "
          "well the model knows it; --classifier unembedding reads with the model's own output words",
          fmt::join(names, ", "), kFewest);
  }

  // Of a step: all inputs, where there are fewer.
  int64_t batch_size(int64_t unless_told, const std::vector<measure::ProbeInput>& inputs) const {
    return std::min(config_.per_device_train_batch_size.value_or(unless_told), std::ssize(inputs));
  }

  std::vector<measure::ProbeScores> train(const std::vector<measure::ProbeInput>& train_inputs,
                                          const std::vector<measure::ProbeInput>& test_inputs,
                                          const std::vector<measure::ProbeTarget>& targets) {
    return measure::probe({transformer_, name_}, train_inputs, test_inputs, targets, options_);
  }

  void write_row(const OrderedJson& row) { rows_->write(json_text(row) + "\n"); }

  // A line a test input: of each target the class that is true and those that were read.
  void write_world_rows(const world::World& world, const measure::WorldProbe& data,
                        const std::vector<measure::ProbeScores>& scores, bool p) {
    for (size_t i = 0, entry = 0; rows_ && i < data.test.size(); ++i) {
      const int64_t person = data.test[i].subject;
      entry = i > 0 && data.test[i - 1].subject == person ? entry + 1 : 0;
      OrderedJson row{{"person", person}, {"name", world.people[static_cast<size_t>(person)].full_name()}};
      if (p) row["entry"] = entry;
      const size_t positions = data.test[i].rows.size();
      for (size_t k = 0; k < scores.size(); ++k) {
        const auto& classes = data.meanings[k].classes;
        OrderedJson read = OrderedJson::array();
        for (size_t j = 0; j < positions; ++j)
          read.push_back(classes[static_cast<size_t>(scores[k].predicted[i * positions + j])]);
        const auto truth = static_cast<size_t>(data.targets[k].labels[static_cast<size_t>(person)]);
        row[data.meanings[k].whole ? "whole" : "first_token"][data.targets[k].name] = {{"true", classes[truth]},
                                                                                       {"read", std::move(read)}};
      }
      write_row(row);
    }
  }

  OrderedJson finished(OrderedJson result) {
    if (rows_) rows_->commit();
    result["embedding_rank"] = options_.embedding_rank;
    result["steps"] = options_.max_steps;
    result["batch_size"] = options_.batch_size;
    result["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    return result;
  }

  const ProbeConfig& config_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::unique_ptr<AtomicFile> rows_;  // opened first: a path that cannot be written is no surprise at the end
  AnyModel any_;
  text::Tokenizer tokenizer_;
  model::Transformer transformer_;
  std::string name_;
  ProbeOptions options_;
};

std::string cells(const OrderedJson& values) {
  std::string text;
  for (const OrderedJson& value : values) text += fmt::format("{:>7.1f}", value.get<double>());
  return text;
}

}  // namespace

void ProbeConfig::add_to(Options& options) {
  options.add("model", model, "a Hugging Face directory, a .gguf file, or a PEFT adapter").positional().required();
  options.add("data", data, "a world, or a file of facts: {\"subject\", \"answer\"} lines")
      .positional()
      .required()
      .placeholder("WORLD|FACTS");
  options.add("kind", kind, "of a world: p reads biographies before each of the six values, q the full name alone")
      .one_of({"p", "q"});
  options.add("attributes", attributes, "only some of a world's attributes").placeholder("A,B");
  options
      .add("old-world", old_world,
           "with q: the WORLD before it was changed; also says whether the new value, the old one or neither is read")
      .placeholder("WORLD");
  options.group("Probe");
  options
      .add("embedding-rank", embedding_rank,
           "rank of the trained update of the embedding; 2 for p, 16 for q, 0 for facts unless told; tokens of fewer "
           "than ten training subjects get none")
      .at_least(0)
      .at_most(1 << 12);
  options
      .add("max-steps", max_steps,
           "optimiser steps; as many passes over the people as in the paper unless told (p 30, q 120), 500 for facts")
      .at_least(1);
  options
      .add("per-device-train-batch-size", per_device_train_batch_size,
           "biographies, names or facts a step; 50 for p, 200 for others unless told")
      .at_least(1)
      .at_most(1 << 20);
  options
      .add("learning-rate", learning_rate,
           "the first one, which falls to 0 in a line; 1e-3 as in the paper, with the classifier unembedding 0.05, "
           "unless told; few steps need much of it")
      .above(0);
  options.add("weight-decay", weight_decay, "decay of all that is trained").at_least(0);
  options
      .add("classifier", classifier,
           "of a world: trained as in the paper, or unembedding, the model's own, frozen: for small worlds, where a "
           "value has too few people to learn from; it reads first tokens alone")
      .one_of({"trained", "unembedding"});
  options.group("Options");
  options.add("base-model", base_model, "the model under an adapter, where it is not found beside it")
      .placeholder("MODEL");
  options.add("rows", rows, "write a JSON line for each that is scored: what is true and what was read")
      .placeholder("FILE.jsonl");
  options.add("overwrite", overwrite, "replace the file --rows, where it exists").flag().not_resolved();
}

void ProbeConfig::resolve(Options& options) {
  attributes_of(attributes);
  if (kind == "p") options.no_effect("old-world", "a biography tells the value; give --kind q");
  if (rows.empty()) options.no_effect("overwrite", "without --rows no file is written");
}

OrderedJson probe(const ProbeConfig& config, const RunInfo& run) {
  Probing probing(config, run);
  return world::is_world(config.data) ? probing.of_world() : probing.of_facts();
}

std::string probe_table(const OrderedJson& result) {
  if (result["kind"] == "facts")
    return fmt::format("accuracy {:.1f} % on {} subjects after training on {} ({} classes; a guess {:.1f} %)\n",
                       result["accuracy"].get<double>(), result["subjects"]["test"].get<int64_t>(),
                       result["subjects"]["train"].get<int64_t>(), result["classes"].get<int64_t>(),
                       result["baseline"].get<double>());
  const bool p = result["kind"] == "p";
  std::string text = fmt::format("{:<26}", p ? "read before value" : "read at the name");
  if (p)
    for (int position = 0; position < 6; ++position) text += fmt::format("{:>7}", position);
  else
    text += fmt::format("{:>7}", "%");
  const bool bounded = result.contains("ceiling");
  text += fmt::format("{:>9}{}\n", "guess", bounded ? "  at most" : "");
  for (const char* part : {"first_token", "whole"})
    for (const auto& [attribute, values] : result[part].items()) {
      text +=
          fmt::format("{:<26}{}{:>9.1f}",
                      attribute == "birth_date" ? "birth month"
                                                : fmt::format("{}{}", attribute, part[0] == 'f' ? ", first token" : ""),
                      cells(values), result["baseline"][part][attribute].get<double>());
      text += bounded ? fmt::format("{:>9.1f}\n", result["ceiling"][part][attribute].get<double>()) : "\n";
    }
  text += fmt::format("{} people trained on, {} scored, in percent. guess: always the most frequent value{}.\n",
                      result["people"]["train"].get<int64_t>(), result["people"]["test"].get<int64_t>(),
                      bounded ? "; at most: the share whose value some person in training has" : "");
  if (result.contains("changed"))
    for (const auto& [attribute, read] : result["changed"].items())
      text += fmt::format(
          "{}, {} scored people whose value changed: {:.1f} read as the new one, {:.1f} as the old one, "
          "{:.1f} as neither\n",
          attribute, read["people"].get<int64_t>(), read["new"].get<double>(), read["old"].get<double>(),
          read["neither"].get<double>());
  if (result["seen"] == false) text += "The model has not seen these people.\n";
  return text;
}

}  // namespace lethe::study
