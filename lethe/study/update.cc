#include "lethe/study/update.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "lethe/base/error.h"
#include "lethe/edit/f_learning.h"
#include "lethe/measure/answers.h"
#include "lethe/measure/evaluate.h"
#include "lethe/run/progress.h"
#include "lethe/run/report.h"
#include "lethe/study/inputs.h"
#include "lethe/study/prepare.h"

namespace lethe::study {
namespace {

using Clock = std::chrono::steady_clock;
using measure::EvaluationDetail;
using model::Transformer;

constexpr size_t kCases = 20;  // of the page

// All of one run: its inputs, and what was measured of the models before, between and after.
class Update {
 public:
  Update(const UpdateConfig& config, const RunInfo& run)
      : config_(config),
        run_(run),
        method_(edit::method_named(config.method)),
        files_(open_whole_model(config.model)),
        tokenizer_(tokenizer_of(files_)),
        format_{text::parse_template(config.template_name), files_.config().model_type},
        place_{config.out,
               config.run_dir,
               config.overwrite,
               config.resume,
               {config.model, config.facts.path, config.facts.old_file, config.facts.new_file}},
        facts_(usable_facts()),
        inputs_{config.model.string(), fingerprint(files_), facts_path(), fingerprint(facts_)},
        own_answers_(complete_old_answers()),
        folder_(open_run(place_)) {
    const size_t count = std::min(kCases, facts_.size());
    for (size_t i = 0; i < count; ++i) case_facts_.push_back(i * facts_.size() / count);
    for (size_t i : case_facts_)
      if (!facts_[i].locality.empty()) others_.push_back(facts_[i].locality[0]);
  }

  OrderedJson run(std::string* table) {
    const auto recorded = [&](const OrderedJson& record) { return result(record); };
    if (const auto done = complete_result(folder_, config_.resume, run_, inputs_, config_.out, recorded)) return *done;
    train::Session session = open_session(folder_, config_.resume, run_, inputs_);
    if (own_answers_ > 0) write_completed_facts();
    if (!config_.no_eval) {
      Transformer model = Transformer::load(files_, run_.precision, false);
      before_ = look_at(model, config_.model.string(), nullptr);
    }
    const edit::Edit edit = learn(session);
    Look after_look;
    if (!config_.no_eval) {
      Transformer after = Transformer::load(files_, run_.precision, false, edit.values, true);
      after_look = look_at(after, "the updated model, which is not written", &before_.detail->locality);
    }
    tell_learned(edit.learn, after_look);

    model::WriteModelOptions options;
    options.overwrite = config_.overwrite || config_.resume;
    options.progress = run::byte_progress("write");
    model::write_model(files_, config_.out, edit.values, options);
    if (config_.save_adapter) {
      model::Adapter adapter = *edit.adapter;
      adapter.base_model = config_.model.string();
      model::write_adapter(config_.out / "adapter", adapter, files_.config(), true);
    }
    if (table && before_.detail)
      *table = answers_text(after_look) +
               measure::evaluation_table({{"before", before_.detail->summary}, {"after", after_look.detail->summary}}) +
               "\n";
    const OrderedJson page = page_json(edit, after_look);
    write_file(folder_.file(run::kReportFile), run::update_page(page, folder_.metrics()));
    folder_.write_json(run::kResultsFile, page);  // last: with it the run is complete
    remove_state(folder_);
    return result(page);
  }

 private:
  // The facts, found usable before anything is written.
  std::vector<facts::Fact> usable_facts() const {
    check_run(place_);
    std::vector<facts::Fact> facts = facts::read_facts(config_.facts);
    check(config_.training.max_seq_length <= files_.config().max_positions,
          "--max-seq-length {} is more than the model's {} positions", config_.training.max_seq_length,
          files_.config().max_positions);
    check(!config_.add_eos_token || tokenizer_.eos_id(),
          "--add-eos-token: the tokenizer of {} names no end-of-text token", config_.model.string());
    for (const facts::Fact& fact : facts) {
      check(!fact.old_answer.empty() || !method_.forgets() || config_.old == "from-model",
            "{}: no old answer to forget; give it one, take the model's own with --old from-model, or use --method ft",
            fact.where);
      encode(fact, fact.new_answer);
      if (!fact.old_answer.empty()) encode(fact, fact.old_answer);
    }
    warn_of_contradictions(facts);
    if (!config_.no_eval) measure::check_questions(tokenizer_, format_, files_.config().max_positions, facts);
    if (method_.has_lora()) edit::check_lora(files_, config_.lora.config());
    return facts;
  }

  // What cannot be learned, or would be forgotten and learned.
  static void warn_of_contradictions(const std::vector<facts::Fact>& facts) {
    constexpr size_t kShown = 3;
    std::map<std::string, const facts::Fact*> known;
    std::vector<std::string> found;
    for (const facts::Fact& fact : facts) {
      const facts::Fact& first = *known.emplace(fact.prompt, &fact).first->second;
      if (first.new_answer != fact.new_answer)
        found.push_back(fmt::format("{}: the same prompt as {} with another new answer; both cannot be learned",
                                    fact.where, first.where));
      if (fact.old_answer == fact.new_answer)
        found.push_back(fmt::format("{}: the old answer is the new one, {}", fact.where, shown(Json(fact.new_answer))));
    }
    for (size_t i = 0; i < std::min(kShown, found.size()); ++i) run::message("{}", found[i]);
    if (found.size() > kShown) run::message("and {} facts more like these", found.size() - kShown);
  }

  std::string facts_path() const {
    return (config_.facts.path.empty() ? config_.facts.new_file : config_.facts.path).string();
  }

  struct Look {  // at one model: what was measured, and its own answers to the page's facts and other questions
    std::optional<EvaluationDetail> detail;
    std::vector<std::string> answers;
  };

  Look look_at(Transformer& model, const std::string& name, const measure::LocalityAnswers* before) {
    const Clock::time_point begin = Clock::now();
    Look look;
    look.detail = measure::evaluate({model, name}, tokenizer_, format_, facts_, before);
    std::vector<std::string> prompts;
    for (size_t i : case_facts_) prompts.push_back(facts_[i].prompt);
    for (const facts::Question& other : others_) prompts.push_back(other.prompt);
    look.answers = measure::greedy_answers({model, name}, tokenizer_, format_, prompts);
    evaluate_seconds_ += std::chrono::duration<double>(Clock::now() - begin).count();
    return look;
  }

  // --old from-model: where the file gives no old answer, the model's own. Returns how many it gave.
  size_t complete_old_answers() {
    if (config_.old != "from-model") return 0;
    std::vector<size_t> missing;
    for (size_t i = 0; i < facts_.size(); ++i)
      if (facts_[i].old_answer.empty()) missing.push_back(i);
    if (missing.empty()) return 0;
    std::vector<std::string> prompts;
    for (size_t i : missing) prompts.push_back(facts_[i].prompt);
    Transformer model = Transformer::load(files_, run_.precision, false);
    const auto answers = measure::greedy_answers({model, config_.model.string()}, tokenizer_, format_, prompts);
    for (size_t i = 0; i < missing.size(); ++i) {
      facts::Fact& fact = facts_[missing[i]];
      if (answers[i] != fact.new_answer) fact.old_answer = answers[i];  // what it knows already stays
      fact.where += ", with the model's own answer";
      if (!fact.old_answer.empty()) encode(fact, fact.old_answer);  // too long, say
    }
    const auto silent = [](const facts::Fact& fact) { return fact.old_answer.empty(); };
    check(!method_.forgets() || !std::ranges::all_of(facts_, silent),
          "--old from-model: {} answers none of the {} prompts with anything but the new answer, so there is nothing "
          "to forget; use --method ft",
          config_.model.string(), facts_.size());
    return missing.size() - static_cast<size_t>(std::ranges::count_if(facts_, silent));
  }

  void write_completed_facts() {
    const fs::path file = folder_.file(run::kFactsFile);
    std::string lines;
    for (const facts::Fact& fact : facts_) lines += json_text(facts::native_record(fact)) + "\n";
    write_file(file, lines);
    run::message("{} of {} old answers are the model's own; the facts with them are {}", own_answers_, facts_.size(),
                 file.string());
  }

  text::Example encode(const facts::Fact& fact, const std::string& answer) const {
    text::Example example =
        measure::encode_question(tokenizer_, format_, files_.config().max_positions, fact.where, fact.prompt, answer);
    if (config_.add_eos_token) {
      const int32_t end = tokenizer_.eos_id().value();
      example.append({&end, 1}, true);
    }
    const int64_t positions = files_.config().max_positions;
    const int64_t most = config_.training.max_seq_length > 0 ? config_.training.max_seq_length : positions;
    check(example.size() <= most, "{}: {} tokens, {} {}", fact.where, example.size(),
          most < positions ? "--max-seq-length allows" : "the model's positions are", most);
    return example;
  }

  std::vector<text::Example> examples(const std::string facts::Fact::*answer) const {
    std::vector<text::Example> result;
    for (const facts::Fact& fact : facts_)
      if (!(fact.*answer).empty()) result.push_back(encode(fact, fact.*answer));  // else nothing to forget
    return result;
  }

  edit::Edit learn(train::Session& session) {
    edit::FLearningConfig config;
    config.method = config_.method;
    config.rate = config_.rate;
    config.training = config_.training;
    config.lora = config_.lora.config();
    const double learning_rate = config_.training.learning_rate.value();
    config.forget = {"forget", config_.forget_learning_rate.value_or(learning_rate), config_.forget_epochs.value_or(3),
                     20};
    config.learn = {"learn", learning_rate, config_.training.num_train_epochs, 20};
    if (method_.forgets() && session.resumes("learn")) forgotten_ = read_forgotten();
    const auto old_facts = method_.forgets() ? examples(&facts::Fact::old_answer) : std::vector<text::Example>();
    const edit::Edit edit =
        edit::f_learning(files_, run_.precision, old_facts, examples(&facts::Fact::new_answer), config, session,
                         [&](Transformer& model, const edit::Edit& so_far) { look_between(model, so_far); });
    return edit;
  }

  // Of training until all is learned, which looks at a step's answers before the step: the last one may have done it.
  void tell_learned(const train::StageResult& learn, const Look& after) const {
    if (config_.training.num_train_epochs || config_.training.max_steps) return;
    if (learn.learned || (after.detail && after.detail->summary.reliability.exact_match == 100))
      run::message("learned: every new answer is the model's own after {:g} epochs", learn.epochs);
    else
      run::message(
          "after {} epochs some new answers are still not the model's own; a higher --learning-rate or more "
          "--num-train-epochs may help",
          learn.epochs);
  }

  // After forgetting: what is left of the old facts, what the model says now, how far each matrix moved.
  void look_between(Transformer& model, const edit::Edit& so_far) {
    Look look;
    if (!config_.no_eval) look = look_at(model, "the model after forgetting", &before_.detail->locality);
    forgotten_ = {{"evaluation", look.detail ? look.detail->summary.json() : OrderedJson()},
                  {"answers", look.answers},
                  {"seconds", so_far.forget.seconds}};
    OrderedJson norms = OrderedJson::array();
    for (const edit::MatrixNorm& norm : so_far.delta) {
      OrderedJson entry{{"layer", nullptr}, {"matrix", norm.matrix}, {"norm", norm.norm}};
      if (norm.layer >= 0) entry["layer"] = norm.layer;
      norms.push_back(std::move(entry));
    }
    forgotten_["delta"] = std::move(norms);
    folder_.write_json(kForgottenFile, forgotten_);
  }

  // The same after an interruption while it learned.
  OrderedJson read_forgotten() const {
    const std::string where = folder_.file(kForgottenFile).string();
    OrderedJson json = run::read_ordered_json(where);
    const OrderedJson &answers = json_field(json, "answers", where), &delta = json_field(json, "delta", where);
    const bool are_texts = std::ranges::all_of(answers, [](const OrderedJson& answer) { return answer.is_string(); });
    check(answers.is_array() && answers.size() == before_.answers.size() && are_texts,
          "{}: \"answers\" is {}, expected a list of {} texts", where, shown(answers), before_.answers.size());
    check(delta.is_array(), "{}: \"delta\" is {}, expected a list", where, shown(delta));
    json_number(json, "seconds", where);
    if (before_.detail)
      json_object(json, "evaluation", where);
    else
      json["evaluation"] = nullptr;
    return json;
  }

  // results.json, from which the page is drawn.
  OrderedJson page_json(const edit::Edit& edit, const Look& after) const {
    const auto summary = [](const Look& look) { return look.detail ? look.detail->summary.json() : OrderedJson(); };
    OrderedJson cases = OrderedJson::array(), others = OrderedJson::array();
    for (size_t i = 0; i < before_.answers.size(); ++i) {  // none where nothing was asked
      const bool is_fact = i < case_facts_.size();
      OrderedJson entry;
      if (is_fact) {
        const facts::Fact& fact = facts_[case_facts_[i]];
        entry = {{"prompt", fact.prompt}, {"old", fact.old_answer}, {"new", fact.new_answer}};
      } else {
        const facts::Question& other = others_[i - case_facts_.size()];
        entry = {{"prompt", other.prompt}, {"answer", other.answer}};
      }
      entry["before"] = before_.answers[i];
      entry["forgotten"] = forgotten_.is_null() ? OrderedJson() : forgotten_["answers"][i];
      entry["after"] = after.answers[i];
      (is_fact ? cases : others).push_back(std::move(entry));
    }
    return {{"lethe", run_.version},
            {"command", run_.command},
            {"model", config_.model.string()},
            {"facts_file", facts_path()},
            {"method", config_.method},
            {"rate", method_.forgets() ? OrderedJson(config_.rate) : OrderedJson()},
            {"facts", facts_.size()},
            {"before", summary(before_)},
            {"after", summary(after)},
            {"forgotten", forgotten_.is_null() ? OrderedJson() : forgotten_["evaluation"]},
            {"seconds",
             {{"forget", forgotten_.is_null() ? 0.0 : forgotten_["seconds"].get<double>()},
              {"learn", edit.learn.seconds},
              {"evaluate", evaluate_seconds_}}},
            {"out", config_.out.string()},
            {"settings", run_.settings},
            {"delta", forgotten_.is_null() ? OrderedJson::array() : forgotten_["delta"]},
            {"cases", std::move(cases)},
            {"others", std::move(others)}};
  }

  // A few facts, with the model's own answers, for people at a terminal.
  std::string answers_text(const Look& after) const {
    constexpr size_t kShown = 5;
    std::string text;
    for (size_t i = 0; i < std::min(kShown, case_facts_.size()); ++i) {
      const facts::Fact& fact = facts_[case_facts_[i]];
      text += fmt::format("{}\n  before: {}\n  after:  {}   (to learn: {})\n", fact.prompt, before_.answers[i],
                          after.answers[i], fact.new_answer);
    }
    return text + "\n";
  }

  // What the command prints: the page's numbers without the page's details.
  OrderedJson result(const OrderedJson& page) const {
    OrderedJson json;
    for (const char* key : {"method", "rate", "facts", "before", "after", "seconds", "out"}) {
      check(page.contains(key), "{}: the field \"{}\" is missing", folder_.file(run::kResultsFile).string(), key);
      json[key] = page[key];
    }
    return json;
  }

  const UpdateConfig& config_;
  const RunInfo& run_;
  const edit::Method& method_;
  model::ModelFiles files_;
  text::Tokenizer tokenizer_;
  text::Template format_;
  RunPlace place_;
  std::vector<facts::Fact> facts_;
  Inputs inputs_;  // as they were given
  size_t own_answers_;
  run::RunFolder folder_;
  std::vector<size_t> case_facts_;       // the facts of the page
  std::vector<facts::Question> others_;  // what must not change beside them
  Look before_;
  OrderedJson forgotten_;
  double evaluate_seconds_ = 0;
};

}  // namespace

OrderedJson update(const UpdateConfig& config, const RunInfo& run, std::string* table) {
  return Update(config, run).run(table);
}

}  // namespace lethe::study
