// Facts to update, as the rest of Lethe sees them, and one reader for every format that people have them in.
//
// A file is a JSON array of records, one JSON object, JSON lines or CSV: told by its content, never by its name. The
// format of each record is told by its fields, so formats may be mixed; null is a missing field. Unknown fields are
// ignored, but in a native record not one that is nearly a missing one ("rephrases"): an error. (?: may be missing)
//
//   native        prompt, new, old?, subject?, rephrase?, locality?, portability?
//                 rephrase: a string or a list; locality, portability: {"prompt", "answer"} or a list of these
//   ZsRE          src, alt, pred?, subject?, rephrase?, loc? with loc_ans, portability?
//                 alt is the new answer, pred the OLD one; a leading "nq question: " of loc is not part of the question
//   EasyEdit      prompt, target_new, ground_truth?, subject?, rephrase_prompt?, portability?, locality_prompt? with
//                 locality_ground_truth (COUNTERFACT in EasyEdit's fields)
//   KnowEdit      prompt, target_new, ground_truth?: [...], subject?, rephrase_prompt?, locality? and portability?:
//                 {name: [{"prompt", "ground_truth"}]}; a list of answers stands for its first, and as in EasyEdit's
//                 reader an auxiliary question whose answer is blank asks nothing
//   ROME          requested_rewrite {prompt with {} for the subject, subject, target_new.str, target_true.str},
//                 paraphrase_prompts?, neighborhood_prompts? (their answer is target_true), portability?
//   Alpaca pair   instruction, input?, output in two files, old and new, with the same questions record by record;
//                 the prompt is instruction, or instruction and input on two lines
//
// In every format but the last portability may also be {"New Question", "New Answer"}, and questions also fit in the
// fields locality_prompt and locality_answer, portability_prompt and portability_answer (or ..._ground_truth): a text
// each, or a list each, in pairs. CSV (RFC 4180, commas, a header line) holds the same fields: an empty cell is a
// missing field; a cell of rephrase, rephrase_prompt, ground_truth, locality or portability that begins with [ or { is
// JSON. The columns rephrase and rephrase_prompt, locality_... and portability_... may stand several times: an empty
// rephrasing, or an empty pair of prompt and answer, is none.
//
// Errors (lethe::Error) name the file, the record's index (from 0), its line where a line is a record, the field, and
// for a record of no known format the closest one: the missing fields of that. A prompt and a new answer must not be
// blank; duplicate keys and nesting deeper than 64 are errors. Answers are kept as they stand, spaces included.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "lethe/base/file.h"
#include "lethe/base/json.h"
#include "lethe/base/options.h"

namespace lethe::facts {

struct Question {
  std::string prompt, answer;
  bool operator==(const Question&) const = default;
};

struct Fact {
  int64_t index = 0;    // of the record in its file, from 0
  std::string where;    // "facts.jsonl, index 3 (line 4)": begins error messages
  std::string subject;  // empty: not given
  std::string prompt, new_answer;
  std::string old_answer;  // empty: not given
  std::vector<std::string> rephrasings;
  std::vector<Question> locality, portability;
};

// Either `path`, or `old_file` and `new_file`, a pair of Alpaca files (anything else is a UsageError).
struct FactsFile {
  fs::path path = {};
  fs::path old_file = {}, new_file = {};
  int64_t limit = 0;  // only the first so many records; 0: all

  void add_to(Options& options);          // FACTS, --old-file, --new-file, --limit
  static void resolve(Options& options);  // an argument wins over --config, also the pair over FACTS
};

std::vector<Fact> read_facts(const FactsFile& file);

// The fact in the native format, without the fields that it does not have.
OrderedJson native_record(const Fact& fact);

}  // namespace lethe::facts
