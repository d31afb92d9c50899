#include "lethe/run/study_page.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>

#include "lethe/run/page_testing.h"
#include "lethe/run/study_parts.h"

using namespace lethe;
using namespace lethe::run;

namespace {

OrderedJson variant(const std::string& augment, int seed, double exact, const OrderedJson& probe) {
  OrderedJson examples = OrderedJson::array();
  for (const char* person : {"Ann Bee Cee", "Dan <b>Eff Gee"})
    for (const char* attribute : {"birth_date", "major"})
      examples.push_back({{"person", person},
                          {"attribute", attribute},
                          {"prompt", std::string("Q ") + attribute + " of " + person},
                          {"truth", "Music."},
                          {"answer", exact > 50 ? "Music." : "Physics & co."}});
  return {{"grid", {{"augment", augment}, {"seed", seed}}},
          {"stages",
           {{"ask", {{"mean", {{"exact_match", exact}}}, {"examples", examples}}},
            {"probe", {{"first_token", probe}}},
            {"train",
             {{"curves",
               {{{"tokens", 1000}, {"biography", {{"train", 1.5}, {"test", 2.5}}}},
                {{"tokens", 2000}, {"biography", {{"train", 50}, {"test", 60}}}}}}}}}}};
}

OrderedJson study_sample() {
  const OrderedJson stairs = {{"birth_city", {1, 2, 3, 4, 5, 99}}}, flat = {{"birth_city", {98, 98, 98, 98, 98, 99}}};
  return {{"lethe", "0.1.0"},
          {"recipe", "small"},
          {"scale", "two-cores"},
          {"machine", "made for another"},
          {"computed_on", "2 <cores>"},
          {"command", "lethe study small"},
          {"seconds", {{"world", 0.5}, {"train", 61}}},
          {"variants",
           {variant("single", 0, 2, stairs), variant("single", 1, 4, stairs), variant("multi", 0, 97.25, flat)}}};
}

StudySection section(const std::string& show, const std::string& stage) {
  StudySection section;
  section.title = "Title & such";
  section.lead = "A lead.";
  section.show = show;
  section.stage = stage;
  section.rows = {"augment"};
  return section;
}

std::string page_of(const StudySection& section) {
  return page_html(page_of_study({"small", "What?", "It asks <this>.", {section}}, study_sample()));
}

}  // namespace

TEST_CASE("a table sets the paper's numbers below ours, and seeds as mean and deviation") {
  StudySection table = section("table", "");
  table.columns = {{"mean", "ask.mean.exact_match"}, {"gone", "ask.mean.nothing"}, {"read", "read.city"}};
  table.paper = {{"single", {9.7, 1, 5.9}}, {"baseline", {2.7, 0, 0}}, {"other", {5, 5, 5}}};
  OrderedJson results = study_sample();
  results["variants"][0]["stages"]["read"]["city"] = 8;
  const auto page_of = [&](const StudySection& shown) {
    return page_html(page_of_study({"small", "What?", "It asks <this>.", {shown}}, results));
  };
  const std::string html = page_of(table);
  CHECK(has(html, "<td>3.0<small>± 1.4</small><small>9.7</small></td><td>8.0<small>5.9</small></td>"));
  CHECK(has(html, "<th scope=\"row\">multi</th><td>97.2</td><td>–</td>"));
  CHECK(has(html, "<th scope=\"row\">a guess</th><td><small>2.7</small></td>"));
  CHECK_FALSE(has(html, "gone</th>"));  // no number of ours
  CHECK(has(html, "Not measured here: Title &amp; such: gone (ask.mean.nothing)</p>"));
  CHECK_FALSE(has(html, "other"));
  CHECK(has(html, "Title &amp; such"));
  CHECK(has(html, "It asks &lt;this&gt;."));
  CHECK(has(html, "<dt>computed on</dt><dd>2 &lt;cores&gt;</dd>"));
  CHECK_FALSE(has(html, "made for"));
  CHECK(has(html,
            "<span>In percent. Below each mean, small: ± the standard deviation. Below each number, small: the "
            "paper’s.</span>"));
  CHECK(has(html, "<dt>stages, added up</dt><dd>1 min 02 s</dd>"));
  CHECK_FALSE(has(html, "http"));
  const std::string text = study_text({"small", "", "", {table}}, results);
  CHECK(text ==
        "Title & such (in brackets: the paper's)\n"
        "  augment             mean       read\n"
        "  a guess            (2.7)      (0.0)\n"
        "  single   3.0 ± 1.4 (9.7)  8.0 (5.9)\n"
        "  multi               97.2          –\n\n");
  table.only = {{"augment", {"multi"}}};
  CHECK_FALSE(has(page_of(table), "<th scope=\"row\">single"));
  table.unit = "";
  CHECK_FALSE(has(page_of(table), "In percent"));
}

TEST_CASE("variants that share a stage's folder are one measurement of it") {
  StudySection table = section("table", "");
  table.columns = {{"mean", "ask.mean.exact_match"}, {"city", "probe.first_token.birth_city.0"}};
  OrderedJson results = study_sample();
  for (size_t i = 0; i < 3; ++i)
    results["variants"][i]["folders"] = {{"ask", i < 2 ? "ask-1" : "ask-2"}, {"probe", fmt::format("probe-{}", i)}};
  results["variants"][1]["stages"]["ask"] = results["variants"][0]["stages"]["ask"];
  const std::string html = page_html(page_of_study({"small", "", "", {table}}, results));
  CHECK(has(html, "<th scope=\"row\">single</th><td>2.0</td><td>1.0<small>± 0.0</small></td>"));
}

TEST_CASE("a heat map has a coloured cell for each pair") {
  StudySection heat = section("heatmap", "");
  heat.across = "seed";
  heat.path = "ask.mean.exact_match";
  heat.paper["single"] = {{"0", 7.8}, {"1", 10.1}};
  const std::string html = page_of(heat);
  CHECK(has(html, "<table class=\"heat\">"));
  CHECK(has(html, "augment \\ seed"));
  CHECK(has(html, "<td style=\"background:rgba(23,112,140,0.02)\">4.0<small>10.1</small></td>"));
  CHECK(has(html, "<th scope=\"row\">multi</th><td style=\"background:rgba(23,112,140,0.54)\">97.2</td><td>–</td>"));
}

TEST_CASE("the staircase has a chart an attribute, a line a row, and the paper's faint") {
  StudySection stairs = section("staircase", "probe");
  CHECK(has(page_of(stairs), "<title>single: place in the biography 5: 99</title>"));
  stairs.paper["single"]["birth_city"] = {5.9, 100};
  const std::string html = page_of(stairs);
  CHECK(has(html, "<figcaption>birth city</figcaption>"));
  CHECK(count(html, "<path class=\"line faint\" d=\"M") == 2);  // in the legend and in the chart
  CHECK(has(html, "<title>single: place in the biography 1: "));
  CHECK_FALSE(has(html, "<title>single: place in the biography 2: "));  // as far as the paper's
  CHECK(has(html, "multi</li>"));
  CHECK(has(html, "single, the paper’s</li>"));
}

TEST_CASE("the staircases of more than three rows are matrices, which end with the paper's") {
  StudySection stairs = section("staircase", "probe");
  stairs.rows = {"augment", "seed"};
  stairs.paper["single, 0"]["birth_city"] = {5.9, 100};
  OrderedJson results = study_sample();  // three, and one more
  results["variants"].push_back(results["variants"][0]);
  results["variants"][3]["grid"]["seed"] = 2;
  const std::string html = page_html(page_of_study({"small", "", "", {stairs}}, results));
  CHECK(count(html, "<table class=\"heat\">") == 4);
  CHECK(has(html, "<caption>single, 0<span>In percent. Below each number, small: the paper’s.</span></caption>"));
  CHECK(has(html, "<small>5.9</small></td>"));
  CHECK(has(html, "<small>100.0</small></td><td></td><td></td><td></td><td></td></tr>"));
  CHECK_FALSE(has(html, "<svg viewBox=\"0 0 360"));
}

TEST_CASE("bars of a probe, curves of a training") {
  const std::string bars = page_of(section("bars", "probe"));
  CHECK(has(bars, "First tokens of the values"));
  CHECK(has(bars, ">98.0\u202F%</text>"));
  CHECK(has(bars, ">1.0\u202F%</text>"));
  StudySection one = section("bars", "probe");
  one.only = {{"augment", {"multi"}}};
  CHECK(has(page_of(one), "</svg>multi</li>"));  // one row has its name, too
  const std::string curves = page_of(section("curves", "train"));
  CHECK(has(curves, "<figcaption>single<span>first tokens right, in percent</span></figcaption>"));
  CHECK(has(curves, "in biographies, of the others: tokens 2000: 60"));
  CHECK_FALSE(has(curves, "in answers"));
}

TEST_CASE("answers: one question a person, what is true is marked, markup stays text") {
  const std::string html = page_of(section("answers", "ask"));
  CHECK(has(html,
            "<th scope=\"row\">Q birth_date of Ann Bee Cee<small>Music.</small></th>"
            "<td data-label=\"single\"><span>Physics &amp; co.</span></td>"
            "<td data-label=\"multi\"><span><mark class=\"new\">Music.</mark></span></td>"));
  CHECK(has(html, "Q major of Dan &lt;b&gt;Eff Gee"));
  CHECK_FALSE(has(html, "Q major of Ann"));
  StudySection one = section("answers", "ask");
  one.count = 1;
  CHECK_FALSE(has(page_of(one), "Dan"));
}

TEST_CASE("of a row the first variant that ran a stage shows what it left") {
  OrderedJson some = study_sample();
  some["variants"][0]["stages"].erase("ask");
  some["variants"][0]["stages"].erase("train");
  const auto page = [&](const char* show, const char* stage) {
    return page_html(page_of_study({"small", "", "", {section(show, stage)}}, some));
  };
  CHECK(has(page("answers", "ask"), "<td data-label=\"single\"><span>Physics &amp; co.</span></td>"));
  CHECK(has(page("curves", "train"), "<figcaption>single<span>"));
}

TEST_CASE("what a stage did not give is left out, and the page still stands") {
  for (const char* show : {"curves", "staircase", "bars", "answers", "text"}) {
    const std::string html = page_of(section(show, "nothing"));
    CHECK(has(html, "A lead.") == (std::string_view(show) == "text"));
    CHECK_FALSE(has(html, "<figure>"));
  }
  StudySection table = section("table", "");
  table.columns = {{"mean", "ask.mean.exact_match"}};
  table.paper = {{"baseline", {2.7}}};
  table.only = {{"augment", {"none"}}};
  CHECK_FALSE(has(page_of(table), "A lead."));
  CHECK(has(page_of(table), "Not measured here: Title &amp; such (ask.mean.exact_match)</p>"));
  CHECK(study_text({"small", "", "", {table}}, study_sample()).empty());
  table.only = {};
  CHECK_FALSE(has(page_of(table), "Not measured"));
  table.columns = {{"whole", "probe.whole.birth_city.0"}};  // rows, but no number
  CHECK_FALSE(has(page_of(table), "A lead."));
  CHECK(study_text({"small", "", "", {table}}, study_sample()).empty());
  StudySection heat = section("heatmap", "");
  heat.across = "seed";
  heat.path = "probe.whole.birth_city.0";
  heat.paper["single"] = {{"0", 7.8}};
  CHECK_FALSE(has(page_of(heat), "A lead."));
  OrderedJson empty = study_sample();
  for (OrderedJson& variant : empty["variants"])
    variant["stages"]["probe"]["first_token"]["birth_city"] = OrderedJson::array();
  for (const char* show : {"staircase", "bars"}) {
    StudySection probe = section(show, "probe");
    probe.paper["single"]["birth_city"] = {5.9, 100};
    CHECK_FALSE(has(page_html(page_of_study({"small", "", "", {probe}}, empty)), "A lead."));
  }
  const OrderedJson results = study_sample();
  const OrderedJson& first = results["variants"][0];
  CHECK(value_at(first, "ask.mean.exact_match") == 2);
  CHECK(value_at(first, "probe.first_token.birth_city.5") == 99);
  CHECK(value_at(first, "ask.mean.exact_match.0") == 2);  // a number is a list of one
  CHECK(value_at(first, "ask.mean.exact_match.1").is_null());
  CHECK(value_at(first, "probe.first_token.birth_city.6").is_null());
  CHECK(value_at(first, "ask.none.x").is_null());
}
