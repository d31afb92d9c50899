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

// Of the lines of curves.jsonl.
LineChart learning_curves(const std::string& title, const OrderedJson& points);

std::string curves_html(const StudySection& section, const OrderedJson& results);
std::string staircase_html(const StudySection& section, const OrderedJson& results);
std::string study_bars_html(const StudySection& section, const OrderedJson& results);
std::string answers_html(const StudySection& section, const OrderedJson& results);

}  // namespace lethe::run
