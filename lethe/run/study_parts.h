// What the page of a study is made of; each part reads results.json as study_page.h describes it.
#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "lethe/run/chart.h"
#include "lethe/run/study_page.h"

namespace lethe::run {

struct StudyRow {
  std::string name;                          // its values of the section's axes: "single, f-ft"
  std::vector<const OrderedJson*> variants;  // in results: one, or one for each seed
};
std::vector<StudyRow> rows_of(const StudySection& section, const OrderedJson& results);

// Null where the variant has no such field.
const OrderedJson& value_at(const OrderedJson& variant, const std::string& path);

struct Numbers {
  double mean = NAN, deviation = 0;
  size_t count = 0;
};
Numbers numbers_at(const StudyRow& row, const std::string& path);

// A table or a heat map: our numbers and the paper's.
struct Cells {
  std::string corner, unit;  // above the rows' names; what numbers are, "": no unit
  std::vector<std::string> head = {};
  struct Row {
    std::string name;
    std::vector<Numbers> ours;  // of the first columns, where there are fewer
    std::vector<double> paper;  // as many; NAN: none
    bool only_paper = false;
  };
  std::vector<Row> rows = {};
  bool heat = false;  // coloured by our numbers

  bool measured() const;
  // Drops the columns without a number of ours, where there are others, and returns their names.
  std::vector<std::string> drop_unmeasured();
  bool has_means() const;  // of several seeds
  bool has_paper() const;
};
// "" where nothing was measured. For a terminal the paper's numbers stand in brackets.
std::string cells_html(const Cells& cells, const std::string& title = "");
std::string cells_text(const std::string& title, const Cells& cells);

// Of the lines of curves.jsonl.
LineChart learning_curves(const std::string& title, const OrderedJson& points);

std::string curves_html(const StudySection& section, const OrderedJson& results);
std::string staircase_html(const StudySection& section, const OrderedJson& results);
std::string study_bars_html(const StudySection& section, const OrderedJson& results);
std::string answers_html(const StudySection& section, const OrderedJson& results);

}  // namespace lethe::run
