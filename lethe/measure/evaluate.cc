#include "lethe/measure/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lethe/base/error.h"
#include "lethe/base/utf8.h"

namespace lethe::measure {
namespace {

constexpr size_t kNone = static_cast<size_t>(-1);

struct Pair {  // a prompt's new and old answer
  size_t fresh = kNone, old = kNone;
};
struct FactQuestions {
  Pair edit;
  std::vector<Pair> rephrasings;
  std::vector<size_t> locality, portability;
};

// All prompts and answers of all facts in one list, scored together; each question remembers where its scores lie.
struct Questions {
  std::vector<text::Example> examples;
  std::vector<FactQuestions> asked;  // of each fact

  Questions(const text::Tokenizer& tokenizer, const text::Template& format, int64_t positions,
            const std::vector<facts::Fact>& facts) {
    for (const facts::Fact& fact : facts) {
      const auto add = [&](const std::string& prompt, const std::string& answer) {
        examples.push_back(encode_question(tokenizer, format, positions, fact.where, prompt, answer));
        return examples.size() - 1;
      };
      const auto both = [&](const std::string& prompt) {
        Pair pair{add(prompt, fact.new_answer), kNone};
        if (!fact.old_answer.empty()) pair.old = add(prompt, fact.old_answer);
        return pair;
      };
      FactQuestions q{both(fact.prompt), {}, {}, {}};
      for (const std::string& prompt : fact.rephrasings) q.rephrasings.push_back(both(prompt));
      for (const facts::Question& l : fact.locality) q.locality.push_back(add(l.prompt, l.answer));
      for (const facts::Question& p : fact.portability) q.portability.push_back(add(p.prompt, p.answer));
      asked.push_back(std::move(q));
    }
  }
};

// The mean of a fact's questions of one kind, then of the facts.
struct Mean {
  Measure sum;   // of the facts so far, as shares
  Measure fact;  // of the fact at hand, summed
  void add(double accuracy) {
    fact.token_accuracy += accuracy;
    fact.exact_match += accuracy == 1;
    ++fact.count;
  }
  // Of the logarithms: both probabilities of two long answers are 0 in any type.
  void compare(double log_probability, double other) {
    fact.success += log_probability > other;
    fact.magnitude += std::exp(log_probability) - std::exp(other);
    ++fact.compared;
  }
  OrderedJson end_fact() {
    OrderedJson json;
    if (fact.count > 0) {
      const auto n = static_cast<double>(fact.count);
      sum.token_accuracy += fact.token_accuracy / n;
      sum.exact_match += fact.exact_match / n;
      ++sum.count;
      json["token_accuracy"] = 100 * fact.token_accuracy / n;
      json["exact_match"] = 100 * fact.exact_match / n;
    }
    if (fact.compared > 0) {
      const auto n = static_cast<double>(fact.compared);
      sum.success += fact.success / n;
      sum.magnitude += fact.magnitude / n;
      ++sum.compared;
      json["success"] = 100 * fact.success / n;
      json["magnitude"] = 100 * fact.magnitude / n;
    }
    fact = {};
    return json;
  }
  Measure percent() const {
    Measure m = sum;
    const double n = std::max<double>(1, static_cast<double>(m.count)),
                 c = std::max<double>(1, static_cast<double>(m.compared));
    m.token_accuracy *= 100 / n;
    m.exact_match *= 100 / n;
    m.success *= 100 / c;
    m.magnitude *= 100 / c;
    return m;
  }
};

OrderedJson measure_json(const Measure& m, bool compares) {
  const auto value = [](double x, int64_t count) { return count > 0 ? OrderedJson(x) : OrderedJson(nullptr); };
  OrderedJson json{{"token_accuracy", value(m.token_accuracy, m.count)},
                   {"exact_match", value(m.exact_match, m.count)}};
  if (compares) {
    json["success"] = value(m.success, m.compared);
    json["magnitude"] = value(m.magnitude, m.compared);
  }
  json["count"] = m.count;
  return json;
}

}  // namespace

OrderedJson Evaluation::json() const {
  return {{"facts", facts},
          {"reliability", measure_json(reliability, true)},
          {"generality", measure_json(generality, true)},
          {"locality", measure_json(locality, false)},
          {"portability", measure_json(portability, false)},
          {"old",
           {{"reliability", measure_json(old_reliability, true)}, {"generality", measure_json(old_generality, true)}}}};
}

text::Example encode_question(const text::Tokenizer& tokenizer, const text::Template& format, int64_t positions,
                              const std::string& where, const std::string& prompt, const std::string& answer) {
  try {
    text::Example example = text::encode_pair(tokenizer, format, prompt, answer);
    check(example.size() <= positions, "\"{}\" and its answer take {} tokens, the model has {} positions",
          shortened(prompt), example.size(), positions);
    return example;
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    fail("{}: {}", where, error.what());
  }
}

void check_questions(const text::Tokenizer& tokenizer, const text::Template& format, int64_t positions,
                     const std::vector<facts::Fact>& facts) {
  Questions(tokenizer, format, positions, facts);
}

LocalityAnswers locality_answers(const NamedModel& model, const text::Tokenizer& tokenizer,
                                 const text::Template& format, const std::vector<facts::Fact>& facts) {
  std::vector<text::Example> examples;
  for (const facts::Fact& fact : facts)
    for (const facts::Question& l : fact.locality)
      examples.push_back(
          encode_question(tokenizer, format, model.transformer.config().max_positions, fact.where, l.prompt, l.answer));
  const std::vector<AnswerScore> scores = score_answers(model, examples, "evaluate");
  LocalityAnswers answers;
  size_t next = 0;
  for (const facts::Fact& fact : facts) {
    answers.emplace_back();
    for (size_t i = 0; i < fact.locality.size(); ++i) answers.back().push_back(scores[next++].argmax);
  }
  return answers;
}

EvaluationDetail evaluate(const NamedModel& model, const text::Tokenizer& tokenizer, const text::Template& format,
                          const std::vector<facts::Fact>& facts, const LocalityAnswers* before) {
  const Questions questions(tokenizer, format, model.transformer.config().max_positions, facts);
  const std::vector<AnswerScore> scores = score_answers(model, questions.examples, "evaluate");

  EvaluationDetail detail;
  detail.summary.facts = static_cast<int64_t>(facts.size());
  Mean reliability, generality, locality, portability, old_reliability, old_generality;
  const auto own = [&](size_t i) { return scores[i].token_accuracy(scores[i].ids); };
  const auto take = [&](const Pair& pair, Mean& fresh, Mean& old) {
    fresh.add(own(pair.fresh));
    if (pair.old == kNone) return;
    old.add(own(pair.old));
    const double log_new = scores[pair.fresh].log_probability(), log_old = scores[pair.old].log_probability();
    fresh.compare(log_new, log_old);
    old.compare(log_old, log_new);
  };
  for (size_t f = 0; f < facts.size(); ++f) {
    const FactQuestions& q = questions.asked[f];
    take(q.edit, reliability, old_reliability);
    for (const Pair& pair : q.rephrasings) take(pair, generality, old_generality);
    std::vector<std::vector<int32_t>> answers;
    for (size_t i = 0; i < q.locality.size(); ++i) {
      const AnswerScore& score = scores[q.locality[i]];
      locality.add(score.token_accuracy(before ? (*before)[f][i] : score.ids));
      answers.push_back(score.argmax);
    }
    detail.locality.push_back(std::move(answers));
    for (size_t i : q.portability) portability.add(own(i));
    detail.rows.push_back({{"index", facts[f].index},
                           {"prompt", facts[f].prompt},
                           {"new", facts[f].new_answer},
                           {"old", facts[f].old_answer},
                           {"answer", tokenizer.decode(scores[q.edit.fresh].argmax)},
                           {"reliability", reliability.end_fact()},
                           {"generality", generality.end_fact()},
                           {"locality", locality.end_fact()},
                           {"portability", portability.end_fact()},
                           {"old_reliability", old_reliability.end_fact()},
                           {"old_generality", old_generality.end_fact()}});
  }
  Evaluation& e = detail.summary;
  e.locality_compares_models = before != nullptr;
  e.reliability = reliability.percent();
  e.generality = generality.percent();
  e.locality = locality.percent();
  e.portability = portability.percent();
  e.old_reliability = old_reliability.percent();
  e.old_generality = old_generality.percent();
  return detail;
}

std::string evaluation_table(const std::vector<std::pair<std::string, Evaluation>>& columns) {
  struct Row {
    const char* name;
    const Measure Evaluation::*measure;
  };
  const bool unchanged = columns.back().second.locality_compares_models;
  const Row rows[] = {
      {"reliability (new answers)", &Evaluation::reliability},
      {"generality (rephrased)", &Evaluation::generality},
      {unchanged ? "locality (as before)" : "locality (the file's answers)", &Evaluation::locality},
      {"portability (what follows)", &Evaluation::portability},
      {"old answers", &Evaluation::old_reliability},
      {"old answers, rephrased", &Evaluation::old_generality},
  };
  struct Group {
    const char* name;
    double Measure::*value;
    const int64_t Measure::*count;
  };
  constexpr Group groups[] = {{"token accuracy", &Measure::token_accuracy, &Measure::count},
                              {"exact match", &Measure::exact_match, &Measure::count},
                              {"success", &Measure::success, &Measure::compared}};
  constexpr size_t kName = 29, kColumn = 8;
  const size_t width = std::max<size_t>(16, kColumn * columns.size());
  std::string table = columns.size() == 1 ? columns[0].first + "\n" : "";
  table += fmt::format("{:<{}}", "percent", kName);
  for (const Group& group : groups) table += fmt::format("{:>{}}", group.name, width);
  table += '\n';
  if (columns.size() > 1) {
    table += std::string(kName, ' ');
    for (size_t g = 0; g < std::size(groups); ++g)
      for (const auto& [name, evaluation] : columns) table += fmt::format("{:>{}}", name, width / columns.size());
    table += '\n';
  }
  for (const Row& row : rows) {
    std::string line = fmt::format("{:<{}}", row.name, kName);
    bool any = false;
    for (const Group& group : groups)
      for (const auto& [name, evaluation] : columns) {
        const Measure& m = evaluation.*row.measure;
        const bool comparable =
            row.measure != &Evaluation::locality || evaluation.locality_compares_models == unchanged;
        const bool has = m.*group.count > 0 && comparable;
        line += fmt::format("{:>{}}", has ? fmt::format("{:.1f}", m.*group.value) : "", width / columns.size());
        any |= has;
      }
    if (any) table += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }
  table +=
      "\ntoken accuracy: the share of an answer's tokens that are the model's first choice; exact match: of answers, "
      "all\n"
      "of them; success: of facts, this answer is likelier than the other one (new and old)\n";
  if (columns.back().second.locality.count == 0)
    table += "locality was not measured: no fact has a locality question, so side effects are not known\n";
  return table;
}

}  // namespace lethe::measure
