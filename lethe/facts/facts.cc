#include "lethe/facts/facts.h"

#include <algorithm>

#include "lethe/base/error.h"
#include "lethe/facts/formats.h"
#include "lethe/facts/records.h"

namespace lethe::facts {

void FactsFile::add_to(Options& options) {
  options.add("facts", path, "the facts: JSON, JSON lines or CSV (docs/files.md)").positional().placeholder("FACTS");
  options.group("Facts");
  options.add("old-file", old_file, "with --new-file instead of FACTS: a pair of Alpaca files").placeholder("FILE");
  options.add("new-file", new_file, "the same questions with the new answers").placeholder("FILE");
  options.add("limit", limit, "only the first N facts; 0: all").at_least(0);
}

void FactsFile::resolve(Options& options) {
  for (const char* file : {"old-file", "new-file"})
    options.overrides(file, "facts", "a pair of Alpaca files holds the facts");
}

std::vector<Fact> read_facts(const FactsFile& file) {
  const bool pair = !file.old_file.empty() && !file.new_file.empty();
  if (file.old_file.empty() != file.new_file.empty())
    fail_usage("--old-file and --new-file are a pair: {} is missing",
               file.old_file.empty() ? "--old-file" : "--new-file");
  if (pair && !file.path.empty())
    fail_usage("give either a file of facts ({}) or --old-file and --new-file, not both", file.path.string());
  if (!pair && file.path.empty()) fail_usage("no facts: give a file, or a pair with --old-file and --new-file");
  if (file.limit < 0) fail_usage("--limit is {}, expected 0 (all) or more", file.limit);

  std::vector<Fact> facts;
  if (!pair) {
    for (const Record& record : read_records(file.path, file.limit)) facts.push_back(to_fact(record));
    return facts;
  }
  const std::vector<Record> olds = read_records(file.old_file, file.limit);
  const std::vector<Record> news = read_records(file.new_file, file.limit);
  const size_t both = std::min(olds.size(), news.size());
  for (size_t i = 0; i < both; ++i) facts.push_back(to_fact(olds[i], news[i]));
  check(olds.size() == news.size(), "{} has {} records and {} has {}: index {} has no partner", file.old_file.string(),
        olds.size(), file.new_file.string(), news.size(), both);
  return facts;
}

OrderedJson native_record(const Fact& fact) {
  const auto questions = [](const std::vector<Question>& all) {
    OrderedJson list = OrderedJson::array();
    for (const Question& q : all) list.push_back({{"prompt", q.prompt}, {"answer", q.answer}});
    return list;
  };
  OrderedJson record{{"prompt", fact.prompt},
                     {"old", fact.old_answer},
                     {"new", fact.new_answer},
                     {"subject", fact.subject},
                     {"rephrase", fact.rephrasings},
                     {"locality", questions(fact.locality)},
                     {"portability", questions(fact.portability)}};
  for (const char* optional : {"old", "subject", "rephrase", "locality", "portability"})
    if (record[optional].empty() || record[optional] == "") record.erase(optional);
  return record;
}

}  // namespace lethe::facts
