#include "lethe/run/report.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>

#include "lethe/run/page_testing.h"
#include "lethe/run/report_parts.h"

using namespace lethe;
using namespace lethe::run;

namespace {

// "" where every tag that is opened is closed in order, else what is wrong.
std::string unbalanced(const std::string& html) {
  std::vector<std::string> open;
  for (size_t i = html.find('<'); i != std::string::npos; i = html.find('<', i + 1)) {
    const size_t end = html.find('>', i);
    if (end == std::string::npos) return "a tag without its end";
    const std::string tag = html.substr(i + 1, end - i - 1), name = tag.substr(0, tag.find_first_of(" \n"));
    if (name == "!doctype" || name == "meta" || tag.back() == '/') continue;
    if (name[0] != '/') {
      open.push_back(name);
    } else if (open.empty() || open.back() != name.substr(1)) {
      return fmt::format("<{}> closes <{}>", name, open.empty() ? "" : open.back());
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : "left open: " + open.back();
}

OrderedJson scores(double exact, double old_exact, double local) {
  const auto score = [](double x) {
    return OrderedJson{{"token_accuracy", x + 0.5}, {"exact_match", x}, {"count", 100}};
  };
  return {{"facts", 100},
          {"reliability", score(exact)},
          {"generality", {{"count", 0}}},
          {"locality", score(local)},
          {"old", {{"reliability", score(old_exact)}}}};
}

OrderedJson update_sample() {
  return OrderedJson{{"lethe", "0.1.0"},
                     {"command", "lethe update 'a b' facts.json --out \"x\""},
                     {"model", "models/tiny/"},
                     {"facts_file", "facts.json"},
                     {"method", "f-ft"},
                     {"rate", 0.3},
                     {"facts", 100},
                     {"before", scores(1, 28, 17)},
                     {"after", scores(98.7, 4.1, 71)},
                     {"forgotten", nullptr},
                     {"seconds", {{"forget", 41.2}, {"learn", 62.9}, {"evaluate", 18.3}}},
                     {"out", "x"},
                     {"settings", {{"seed", 0}, {"learning_rate", 5e-5}, {"adam_beta2", 0.99999}, {"shuffle", true}}},
                     {"delta",
                      {{{"layer", 0}, {"matrix", "q_proj"}, {"norm", 0.25}},
                       {{"layer", 1}, {"matrix", "q_proj"}, {"norm", 0.5}},
                       {{"layer", 1}, {"matrix", "up_proj"}, {"norm", 0.75}},
                       {{"layer", nullptr}, {"matrix", "embed_tokens"}, {"norm", 0.125}}}},
                     {"cases",
                      {{{"prompt", "Who is <script>alert(\"x\")</script>?"},
                        {"old", "Old \"Nick\""},
                        {"new", "<b>Bold</b>"},
                        {"before", "old \"nick\" & co"},
                        {"forgotten", nullptr},
                        {"after", "<b>Bold</b>, indeed"}}}}};
}

std::vector<StepMetrics> sample_metrics() {
  return {{1, "forget", 3, 5e-5, 1, 40, 300}, {2, "forget", 2, 5e-5, 1, 40, 300}, {1, "learn", NAN, 5e-5, 1, 40, 300}};
}

}  // namespace

TEST_CASE("the page says in plain words what happened, shows it, and is well formed") {
  const std::string html = update_page(update_sample(), sample_metrics());
  CHECK(unbalanced(html) == "");
  CHECK(has(html,
            "100 facts were updated by <strong>f-ft</strong>; counted by exact match, <strong>98.7\u202F%</strong> of "
            "the new answers are now "
            "the model’s own, <strong>4.1\u202F%</strong> of the old ones are left, and answers to other questions "
            "stayed the same in <strong>71.0\u202F%</strong>."));
  CHECK(has(html, "<title>tiny, updated</title>"));
  CHECK(has(html, "<th scope=\"row\">Reliability</th><td>1.0\u202F%</td><td>98.7\u202F%</td>"));
  CHECK_FALSE(has(html, "<th scope=\"row\">Generality</th>"));  // count 0: nothing was measured
  CHECK(has(html, "<tr><th scope=\"row\">1</th><td>0.5</td><td>0.75</td><td></td></tr>"));
  CHECK(has(html, "<tr><th scope=\"row\">outside the layers</th><td></td><td></td><td>0.125</td></tr>"));
  CHECK(has(html, "2 min 02 s in all"));
  CHECK(has(html, "<div><dt>learning_rate</dt><dd>5e-05</dd></div>"));
  CHECK(has(html, "<div><dt>adam_beta2</dt><dd>0.99999</dd></div>"));
  CHECK(has(html, "config.toml in the run folder"));  // the page may lie elsewhere
  CHECK(has(html, "Mean loss of a token of the answers, before"));
  CHECK(has(html, "lethe update &#39;a b&#39; facts.json --out &quot;x&quot;"));
  CHECK_FALSE(has(html, "after forgetting"));
  CHECK_FALSE(has(html, "http"));  // nothing is fetched
}

TEST_CASE("a pretraining's page speaks of texts, not of answers") {
  const OrderedJson results = {{"lethe", "0.1.0"}, {"method", "pretrain"}, {"model", "m/base"}, {"examples", 1000},
                               {"steps", 480000},  {"epochs", 80.18},      {"loss", 0.25}};
  const std::string html =
      training_page(results, {{1, "pretrain", 3, 1e-3, 1, 40, 300}, {2, "pretrain", 2, 1e-3, 1, 40, 300}});
  CHECK(unbalanced(html) == "");
  CHECK(has(html, "1000 texts, 480000 steps (80.18 passes); the last step&#39;s loss was 0.25."));
  CHECK(has(html, "Mean loss of a target token, before"));
  CHECK(has(html, "<figcaption>Training</figcaption>"));
  CHECK_FALSE(has(html, "class=\"legend\""));  // the title says it all
}

TEST_CASE("facts with markup in them stay text") {
  const std::string html = update_page(update_sample(), {});
  CHECK_FALSE(has(html, "<script"));
  CHECK_FALSE(has(html, "<b>"));
  CHECK(has(html, "Who is &lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;?"));
  CHECK(has(html, "<mark class=\"new\">&lt;b&gt;Bold&lt;/b&gt;</mark>, indeed"));
  CHECK(has(html, "<mark class=\"old\">old &quot;nick&quot;</mark> &amp; co"));
}

TEST_CASE("answers are marked as whole words, the longer one where both stand") {
  CHECK(marked_answer_html("Paris, not Parish or PARIS", "Paris", "Rome") ==
        "<mark class=\"old\">Paris</mark>, not Parish or <mark class=\"old\">PARIS</mark>");
  CHECK(marked_answer_html("New York", "York", "New York") == "<mark class=\"new\">New York</mark>");
  CHECK(marked_answer_html("in York", "New York", "York") == "in <mark class=\"new\">York</mark>");
  CHECK(marked_answer_html("naïve", "na", "ve") == "naïve");
  CHECK(marked_answer_html("(1999)", "1999", "") == "(<mark class=\"old\">1999</mark>)");
  CHECK(marked_answer_html("", "a", "b") == "");
}

TEST_CASE("a page without evaluation, delta, cases or metrics still stands") {
  OrderedJson results = {{"method", "lora"}, {"facts", 1}, {"before", nullptr}, {"after", nullptr}};
  const std::string html = update_page(results, {});
  CHECK(unbalanced(html) == "");
  CHECK(has(html, "1 fact was updated by <strong>lora</strong>. The model was not evaluated."));
  OrderedJson with_others = update_sample();
  with_others["others"] = {{{"prompt", "Oslo is in"},
                            {"answer", "Norway"},
                            {"before", "Norway & co"},
                            {"forgotten", "Norway"},
                            {"after", "Meta"}}};
  const std::string others = update_page(with_others, {});
  CHECK(has(others, "<th scope=\"row\">Oslo is in<small>Norway</small></th>"));
  CHECK(has(others, "<mark class=\"new\">Norway</mark> &amp; co"));
  CHECK(has(others, "data-label=\"after forgetting\""));
  CHECK(unbalanced(others) == "");
  CHECK_FALSE(has(update_page(update_sample(), {}), "Other questions, in"));
  OrderedJson no_locality = update_sample();
  no_locality["after"]["locality"] = {{"exact_match", nullptr}, {"count", 0}};
  CHECK(has(update_page(no_locality, {}), "Side effects were not measured: no fact has a locality question."));
  results["forgotten"] = results["before"] = results["after"] = scores(50, 50, 50);
  const std::string three = update_page(results, {});
  CHECK(has(three, "<td>50.0\u202F%</td><td>50.0\u202F%</td><td>50.0\u202F%</td>"));
  CHECK(unbalanced(three) == "");
}
