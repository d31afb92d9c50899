#include "lethe/measure/probe_facts.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

#include "lethe/base/error.h"
#include "lethe/base/random.h"
#include "lethe/facts/formats.h"

namespace lethe::measure {
namespace {

// The last place where `part` stands in `text` as words of their own, not "Ann" in "Annapolis"; npos: nowhere. By
// ASCII's letters: scripts with others may have no space between words.
size_t rfind_words(const std::string& text, const std::string& part) {
  const auto joined = [&](size_t at) {  // with the character before
    const auto is_letter = [&](size_t i) { return std::isalnum(static_cast<unsigned char>(text[i])) != 0; };
    return at > 0 && at < text.size() && is_letter(at - 1) && is_letter(at);
  };
  size_t at = text.rfind(part);
  while (at != std::string::npos && (joined(at) || joined(at + part.size())))
    at = at == 0 ? std::string::npos : text.rfind(part, at - 1);
  return at;
}

struct Asked {
  std::string where, subject, answer, text;
};

Asked asked(const facts::Record& record) {
  Asked a{record.where, {}, {}, {}};
  std::string prompt;
  if (has_field(record.fields, "answer")) {
    a.subject = json_string(record.fields, "subject", record.where);
    a.answer = json_string(record.fields, "answer", record.where);
    prompt = json_string(record.fields, "prompt", record.where, "");
  } else {
    const facts::Fact fact = facts::to_fact(record);
    a.subject = fact.subject;
    a.answer = fact.old_answer.empty() ? fact.new_answer : fact.old_answer;
    prompt = fact.prompt;
  }
  check(!a.subject.empty(), "{}: no subject, at whose last token a probe reads", a.where);
  check(!a.answer.empty(), "{}: the answer is empty: it is the class that a probe looks for", a.where);
  const size_t at = rfind_words(prompt, a.subject);
  a.text = at == std::string::npos ? a.subject : prompt.substr(0, at + a.subject.size());
  return a;
}

std::vector<int32_t> encode(const text::Tokenizer& tokenizer, const std::string& text) {
  std::vector<int32_t> ids = tokenizer.encode(text, true);
  const std::optional<int32_t> begin = tokenizer.bos_id() ? tokenizer.bos_id() : tokenizer.eos_id();
  const bool special = !ids.empty() && tokenizer.is_special(ids.front());
  if (begin && !special) ids.insert(ids.begin(), *begin);
  while (ids.size() > 1 && tokenizer.is_special(ids.back())) ids.pop_back();  // behind the subject
  return ids;
}

}  // namespace

FactsProbe facts_probe(const fs::path& file, const text::Tokenizer& tokenizer, int64_t positions, uint64_t seed) {
  std::vector<Asked> all;
  std::map<std::string, std::string> class_of;                  // of each subject: that of its first record
  std::map<std::string, std::vector<std::string>> subjects_of;  // of each class
  for (const facts::Record& record : facts::read_records(file)) {
    all.push_back(asked(record));
    if (class_of.emplace(all.back().subject, all.back().answer).second)
      subjects_of[all.back().answer].push_back(all.back().subject);
  }
  FactsProbe probe;
  probe.target.name = "answer";
  std::map<std::string, int32_t> number;  // of each class that is kept
  std::map<std::string, bool> trained;    // of each subject
  for (auto& [answer, subjects] : subjects_of) {
    if (subjects.size() < 2) continue;
    Random(seed, "probe half", number.size()).shuffle(subjects);
    for (size_t i = 0; i < subjects.size(); ++i) trained[subjects[i]] = i % 2 == 0;
    number.emplace(answer, static_cast<int32_t>(number.size()));
    probe.classes.push_back(answer);
  }
  check(number.size() >= 2,
        "{}: {} of {} answers have several subjects; a probe needs two or more classes, each with subjects to train on "
        "and others to be scored on",
        file.string(), number.size(), subjects_of.size());
  probe.target.classes = std::ssize(probe.classes);
  std::map<std::string, int64_t> ids;  // of each subject
  for (const Asked& a : all) {
    const auto at = number.find(a.answer);
    const auto half = trained.find(a.subject);
    if (at == number.end() || half == trained.end()) {
      ++probe.left_out;
      continue;
    }
    const auto [id, fresh] = ids.emplace(a.subject, std::ssize(ids));
    if (fresh) ++(half->second ? probe.train_subjects : probe.test_subjects);
    ProbeInput input{encode(tokenizer, a.text), {}, id->second, std::ssize(probe.texts)};
    check(!input.ids.empty() && std::ssize(input.ids) <= positions,
          "{}: the text up to the subject's end takes {} tokens, expected 1 to {}, the model's positions", a.where,
          input.ids.size(), positions);
    input.rows.push_back(static_cast<int32_t>(input.ids.size() - 1));
    probe.texts.push_back(a.text);
    probe.target.labels.push_back(at->second);
    (half->second ? probe.train : probe.test).push_back(std::move(input));
  }
  return probe;
}

}  // namespace lethe::measure
