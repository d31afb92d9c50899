#include "lethe/facts/formats.h"

#include <algorithm>
#include <utility>

#include "lethe/base/error.h"
#include "lethe/facts/spelling.h"

namespace lethe::facts {
namespace {

bool is_blank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

std::string filled(std::string text, const char* key, const std::string& where) {
  check(!is_blank(text), "{}: \"{}\" is blank, expected text", where, key);
  return text;
}

std::string required(const Json& fields, const char* key, const std::string& where) {
  return filled(json_string(fields, key, where), key, where);
}

std::string optional(const Json& fields, const char* key, const std::string& where) {
  std::string text = json_string(fields, key, where, "");
  return is_blank(text) ? "" : text;
}

// A text, or the first of a list (of lists) of texts; blank where there is none.
std::string first_text(const Json& fields, const char* key, const std::string& where) {
  const Json* value = find_field(fields, key);
  while (value && value->is_array()) value = value->empty() ? nullptr : &value->front();
  if (!value || value->is_null()) return "";
  check(value->is_string(), "{}: \"{}\" is {}, expected a text or a list of texts", where, key, shown(*value));
  const std::string& text = value->get_ref<const std::string&>();
  return is_blank(text) ? "" : text;
}

// A list of texts, or one text; a single blank one is none.
std::vector<std::string> texts(const Json& fields, const char* key, const std::string& where) {
  const Json* value = find_field(fields, key);
  if (!value) return {};
  if (!value->is_array()) {
    std::string text = optional(fields, key, where);
    return text.empty() ? std::vector<std::string>() : std::vector{text};
  }
  std::vector<std::string> list;
  for (const Json& text : *value) {
    check(text.is_string(), "{}: \"{}\" holds {}, expected texts", where, key, shown(text));
    list.push_back(filled(text.get<std::string>(), key, where));
  }
  return list;
}

// One question in two fields; none where both are missing.
void add_pair(std::vector<Question>& questions, const Json& fields, const char* prompt, const char* answer,
              const std::string& where) {
  if (!has_field(fields, prompt) && !has_field(fields, answer)) return;
  questions.push_back({required(fields, prompt, where), required(fields, answer, where)});
}

// Questions in the fields NAME_prompt and NAME_answer or, in EasyEdit's files, NAME_ground_truth of the record itself:
// a text each, or a list each, of which a pair of blank texts is none.
void add_flat_questions(std::vector<Question>& questions, const Json& fields, const std::string& name,
                        const std::string& where) {
  const std::string prompt = name + "_prompt", truth = name + "_ground_truth";
  const bool easy_edit = has_field(fields, truth.c_str()) && !has_field(fields, (name + "_answer").c_str());
  const std::string answer = easy_edit ? truth : name + "_answer";
  const auto is_list = [&](const std::string& key) { return has_field(fields, key.c_str()) && fields[key].is_array(); };
  if (!is_list(prompt) && !is_list(answer)) return add_pair(questions, fields, prompt.c_str(), answer.c_str(), where);
  const auto list = [&](const std::string& key) {
    return is_list(key) ? fields[key] : has_field(fields, key.c_str()) ? Json::array({fields[key]}) : Json::array();
  };
  const Json prompts = list(prompt), answers = list(answer);
  check(prompts.size() == answers.size(), "{}: {} of \"{}\" and {} of \"{}\", expected pairs", where, prompts.size(),
        prompt, answers.size(), answer);
  for (size_t i = 0; i < prompts.size(); ++i) {
    const Json pair = {{prompt, prompts[i]}, {answer, answers[i]}};
    const std::string place = fmt::format("{}, pair {}", where, i + 1);
    if (optional(pair, prompt.c_str(), place).empty() && optional(pair, answer.c_str(), place).empty()) continue;
    add_pair(questions, pair, prompt.c_str(), answer.c_str(), place);
  }
}

void add_question(std::vector<Question>& questions, const Json& fields, const std::string& where) {
  std::string prompt = required(fields, "prompt", where);
  if (has_field(fields, "answer") || !has_field(fields, "ground_truth")) {
    questions.push_back({std::move(prompt), required(fields, "answer", where)});
  } else if (std::string answer = first_text(fields, "ground_truth", where); !answer.empty()) {
    questions.push_back({std::move(prompt), std::move(answer)});
  }
}

// The field `key`: [question], question, {name: [question]}, {name: question} or {"New Question", "New Answer"}.
void add_questions(std::vector<Question>& questions, const Json& fields, const char* key, const std::string& record) {
  const Json* value = find_field(fields, key);
  if (!value) return;
  const std::string where = fmt::format("{}, \"{}\"", record, key);
  const auto add_list = [&](const Json& list, const std::string& place) {
    for (size_t i = 0; i < list.size(); ++i) add_question(questions, list[i], fmt::format("{}[{}]", place, i));
  };
  if (value->is_array()) return add_list(*value, where);
  check(value->is_object(), "{}: found {}, expected questions {{\"prompt\", \"answer\"}}, one or a list", where,
        shown(*value));
  if (has_field(*value, "New Question") || has_field(*value, "New Answer"))
    return add_pair(questions, *value, "New Question", "New Answer", where);
  const auto has_text = [&](const char* name) { return has_field(*value, name) && (*value)[name].is_string(); };
  if (has_text("prompt") || has_text("answer")) return add_question(questions, *value, where);
  for (const auto& [name, group] : value->items()) {
    if (group.is_array()) {
      add_list(group, where + "." + name);
    } else if (!group.is_null()) {
      check(group.is_object(), "{}: \"{}\" is {}, expected a list of questions {{\"prompt\", \"answer\"}}", where, name,
            shown(group));
      add_question(questions, group, where + "." + name);
    }
  }
}

Fact from_native(const Json& fields, const std::string& where) {
  Fact fact;
  fact.prompt = required(fields, "prompt", where);
  fact.new_answer = required(fields, "new", where);
  fact.old_answer = optional(fields, "old", where);
  fact.rephrasings = texts(fields, "rephrase", where);
  add_questions(fact.locality, fields, "locality", where);
  return fact;
}

Fact from_zsre(const Json& fields, const std::string& where) {
  Fact fact;
  fact.prompt = required(fields, "src", where);
  fact.new_answer = required(fields, "alt", where);
  fact.old_answer = optional(fields, "pred", where);
  fact.rephrasings = texts(fields, "rephrase", where);
  add_pair(fact.locality, fields, "loc", "loc_ans", where);
  constexpr std::string_view kMark = "nq question: ";  // Natural Questions, where the locality questions come from
  for (Question& question : fact.locality)
    if (question.prompt.starts_with(kMark))
      question.prompt = filled(question.prompt.substr(kMark.size()), "loc", where);
  return fact;
}

Fact from_easy_edit(const Json& fields, const std::string& where) {  // COUNTERFACT and KnowEdit
  Fact fact;
  fact.prompt = required(fields, "prompt", where);
  fact.new_answer = required(fields, "target_new", where);
  fact.old_answer = first_text(fields, "ground_truth", where);
  fact.rephrasings = texts(fields, "rephrase_prompt", where);
  add_questions(fact.locality, fields, "locality", where);
  return fact;
}

Fact from_rome(const Json& fields, const std::string& where) {
  const std::string inside = where + ", \"requested_rewrite\"";
  const Json& rewrite = json_field(fields, "requested_rewrite", where);
  Fact fact;
  fact.subject = required(rewrite, "subject", inside);
  fact.prompt = required(rewrite, "prompt", inside);
  check(fact.prompt.find("{}") != std::string::npos, "{}: \"prompt\" is {}, expected {{}} where the subject stands",
        inside, shown(fact.prompt));
  for (size_t at = 0; (at = fact.prompt.find("{}", at)) != std::string::npos; at += fact.subject.size())
    fact.prompt.replace(at, 2, fact.subject);
  fact.new_answer = required(json_field(rewrite, "target_new", inside), "str", inside + ", \"target_new\"");
  if (has_field(rewrite, "target_true"))
    fact.old_answer = optional(rewrite["target_true"], "str", inside + ", \"target_true\"");
  fact.rephrasings = texts(fields, "paraphrase_prompts", where);
  const std::vector<std::string> neighbours = texts(fields, "neighborhood_prompts", where);
  check(neighbours.empty() || !fact.old_answer.empty(),
        "{}: \"target_true\" is missing, the answer of the neighborhood_prompts", inside);
  for (const std::string& prompt : neighbours) fact.locality.push_back({prompt, fact.old_answer});
  return fact;
}

struct Format {
  const char* name;
  std::vector<const char*> required;  // a record with all of these is of this format; the first row wins
  std::vector<const char*> hints;     // other fields of the format: they tell which is the closest
  Fact (*read)(const Json& fields, const std::string& where);
};

const std::vector<Format>& formats() {
  static const std::vector<Format> table = {
      {"native", {"prompt", "new"}, {"old", "rephrase", "locality", "portability"}, from_native},
      {"ZsRE", {"src", "alt"}, {"pred", "answers", "rephrase", "loc", "loc_ans"}, from_zsre},
      {"COUNTERFACT or KnowEdit",
       {"prompt", "target_new"},
       {"ground_truth", "rephrase_prompt", "locality_prompt", "locality_ground_truth", "locality", "portability",
        "case_id"},
       from_easy_edit},
      {"COUNTERFACT (ROME)",
       {"requested_rewrite"},
       {"paraphrase_prompts", "neighborhood_prompts", "case_id"},
       from_rome}};
  return table;
}

size_t count(const Json& fields, const std::vector<const char*>& keys) {
  return static_cast<size_t>(std::ranges::count_if(keys, [&](const char* key) { return has_field(fields, key); }));
}

[[noreturn]] void fail_unknown(const Record& record) {
  check(!has_field(record.fields, "instruction"),
        "{}: an Alpaca record holds one answer, a fact needs the old and the new one: give a pair of files with "
        "--old-file and --new-file",
        record.where);
  const auto score = [&](const Format& format) {
    return count(record.fields, format.required) + count(record.fields, format.hints);
  };
  const Format& closest = *std::ranges::max_element(formats(), {}, score);
  if (closest.read == from_native) check_spelling(record);
  std::string missing, known;
  for (const char* key : closest.required)
    if (!has_field(record.fields, key)) missing += fmt::format("{}\"{}\"", missing.empty() ? "" : ", ", key);
  for (const Format& format : formats()) {
    known += fmt::format("{}{} (", known.empty() ? "" : ", ", format.name);
    for (const char* key : format.required) known += fmt::format("{}{}", known.ends_with("(") ? "" : ", ", key);
    known += ")";
  }
  if (score(closest) == 0) fail("{}: no field of a known format; known are {}", record.where, known);
  fail("{}: the field {} is missing (closest known format: {}; known are {})", record.where, missing, closest.name,
       known);
}

}  // namespace

Fact to_fact(const Record& record) {
  const auto format = std::ranges::find_if(
      formats(), [&](const Format& f) { return count(record.fields, f.required) == f.required.size(); });
  if (format == formats().end()) fail_unknown(record);
  if (format->read == from_native) check_spelling(record);
  Fact fact = format->read(record.fields, record.where);
  fact.index = record.index;
  fact.where = record.where;
  if (fact.subject.empty()) fact.subject = optional(record.fields, "subject", record.where);
  add_questions(fact.portability, record.fields, "portability", record.where);
  add_flat_questions(fact.locality, record.fields, "locality", record.where);
  add_flat_questions(fact.portability, record.fields, "portability", record.where);
  return fact;
}

Fact to_fact(const Record& old_record, const Record& new_record) {
  for (const char* key : {"instruction", "input"}) {
    const std::string old_text = json_string(old_record.fields, key, old_record.where, "");
    const std::string new_text = json_string(new_record.fields, key, new_record.where, "");
    check(old_text == new_text, "{}: \"{}\" is \"{}\", expected \"{}\" as in {}", new_record.where, key, new_text,
          old_text, old_record.where);
  }
  Fact fact;
  fact.index = new_record.index;
  fact.where = new_record.where;
  fact.prompt = required(new_record.fields, "instruction", new_record.where);
  if (const std::string input = optional(new_record.fields, "input", new_record.where); !input.empty())
    fact.prompt += "\n" + input;
  fact.old_answer = required(old_record.fields, "output", old_record.where);
  fact.new_answer = required(new_record.fields, "output", new_record.where);
  return fact;
}

}  // namespace lethe::facts
