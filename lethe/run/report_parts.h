// What the page of an update is made of; each part reads results.json as report.h describes it.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>

#include "lethe/base/json.h"

namespace lethe::run {

// Fields of results that may be missing: null, NaN or "" then. `path` goes down through objects.
const OrderedJson& field_at(const OrderedJson& json, std::initializer_list<std::string_view> path);
double number_at(const OrderedJson& json, std::initializer_list<std::string_view> path);
std::string text_at(const OrderedJson& json, std::string_view key);
std::string text_of(const OrderedJson& value);

std::string summary_html(const OrderedJson& results);           // one sentence in plain words
std::string before_and_after_html(const OrderedJson& results);  // the scores, a chart and tables
std::string movement_html(const OrderedJson& results);  // norms of the delta by layer, the paper's figures 4 and 5
std::string cases_html(const OrderedJson& results);     // facts with the model's own answers
std::string others_html(const OrderedJson& results);    // questions about other things, likewise

// The answer with the new and the old one marked where they stand in it as whole words, in any case of letters.
std::string marked_answer_html(const std::string& answer, const std::string& old_answer, const std::string& new_answer);

}  // namespace lethe::run
