// The page of a study, and its tables for a terminal: what came out, beside the paper's numbers.
//
// `results` is results.json of a study: {"lethe", "recipe", "scale", "seed", "precision", "set", "only", "computed_on",
// "command", "seconds": {stage: number}, "variants": [{"grid": {axis: value}, "folders": {stage: its folder's name},
// "stages": {stage: what the command printed as JSON}}]}. A number that a variant lacks is shown as missing; variants
// that stand in one row (other seeds) are shown as their mean and standard deviation, where they share a stage's
// folder as the one measurement that it is. A section or a column without any number of ours is left out, and named at
// the end.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "lethe/base/json.h"
#include "lethe/run/page.h"

namespace lethe::run {

struct StudyColumn {
  std::string name;
  std::string path;  // "ask.mean.exact_match": a stage and the fields of its result; a number is a place in a list
};

struct StudySection {
  std::string title, lead;
  // What is drawn of it:
  //   text       nothing, the lead is all
  //   table      a row for each value of `rows`, `columns` of numbers, the paper's beneath ours
  //   heatmap    the same number for each value of `rows` and of the axis `across`, coloured
  //   curves     "curves" of the stage's result, as training writes them: a chart a row
  //   staircase  a P-probe: a chart an attribute, a line a row, the paper's faint; a matrix a row where they are many
  //   bars       a Q-probe: a chart an attribute, a bar a row
  //   answers    "examples" of the stage's result: question, truth, and the answer of each row
  std::string show = "text";
  std::vector<std::string> rows;  // axes of the grid
  std::vector<StudyColumn> columns;
  std::string across, path;      // of a heat map: an axis, and the number
  std::string unit = "percent";  // of a table's or a heat map's numbers; "": none
  std::string stage, part = "first_token";
  OrderedJson paper;   // row: its numbers in the order of the columns; of a heat map {column: number}, of a
                       // staircase {attribute: [a number a position]}
  OrderedJson only;    // axis: [values]; variants with others are left out
  int64_t count = 10;  // of answers
};

inline constexpr const char* kStudyShows[] = {"text", "table", "heatmap", "curves", "staircase", "bars", "answers"};
inline constexpr const char* kPaperBaseline = "baseline";  // a row that only the paper has: what guessing gives

struct StudyPage {
  std::string name, title, explains;
  std::vector<StudySection> sections;
};

// A value of an axis as tables and recipes call it: a text as it is, else as JSON writes it.
std::string name_of_value(const OrderedJson& value);
std::string spoken(std::string name);  // "birth_city" as people say it: "birth city"

// Sections, and "SECTION: COLUMN", that are left out, for want of a number of ours.
std::vector<std::string> not_measured(const StudyPage& page, const OrderedJson& results);
Page page_of_study(const StudyPage& page, const OrderedJson& results);
std::string study_text(const StudyPage& page, const OrderedJson& results);

}  // namespace lethe::run
