#include "lethe/base/toml_table.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"

using namespace lethe;

namespace {

constexpr const char* kText = R"(people = 10
rate = 0.5
name = "x"
keep = false
words = ["a", "b"]
[scale.paper]
heads = 12
widths = [1, 2]
[[stage]]
name = "one"
[[stage]]
name = "two"
)";

}  // namespace

TEST_CASE("a TOML table gives its values, and what is left in the file's order") {
  const toml::table whole = parse_toml(kText, "f.toml");
  TomlTable table(whole, "f.toml", "");
  CHECK(table.integer("people", 0, 1) == 10);
  CHECK(table.integer("missing", 7, 1) == 7);
  CHECK(table.number("rate") == 0.5);
  CHECK(table.number("people") == 10);
  CHECK(table.text("name") == "x");
  CHECK(table.text("missing", "otherwise") == "otherwise");
  CHECK(table.flag("keep", true) == false);
  CHECK(table.flag("missing", true) == true);
  CHECK(table.texts("words") == std::vector<std::string>{"a", "b"});
  CHECK(table.texts("name") == std::vector<std::string>{"x"});
  CHECK(table.texts("missing").empty());
  CHECK(table.list("words")->size() == 2);
  CHECK(table.list("missing") == nullptr);
  CHECK(table.unread() == std::vector<std::string>{"scale", "stage"});

  std::vector<TomlTable> stages = table.tables("stage");
  REQUIRE(stages.size() == 2);
  CHECK(stages[1].text("name") == "two");
  TomlTable scale = table.table("scale");
  table.finish();
  std::vector<TomlTable> scales = scale.subtables();
  REQUIRE(scales.size() == 1);
  CHECK(scales[0].name() == "paper");
  CHECK(scales[0].where() == "f.toml:6: scale.paper");
  CHECK(scales[0].where("heads") == "f.toml:7: scale.paper.heads");
  const std::vector<Setting> settings = scales[0].settings();
  REQUIRE(settings.size() == 2);
  CHECK(settings[0].name == "heads");
  CHECK(settings[0].value == 12);
  CHECK(settings[1].value == Json{1, 2});
  CHECK(settings[1].where == "f.toml:8: scale.paper.widths");
}

TEST_CASE("what is wrong in a TOML file is told with its line, key, value and what was expected") {
  const toml::table whole = parse_toml(kText, "f.toml");
  TomlTable table(whole, "f.toml", "");
  const auto refused = [](const auto& read, const char* says) { CHECK_THROWS_WITH_AS(read(), says, UsageError); };
  refused([&] { table.text("nmae"); }, "f.toml:1: nmae is missing");
  refused([&] { table.text("people"); }, "f.toml:1: people: 10 is not a text");
  refused([&] { table.number("name"); }, "f.toml:3: name: 'x' is not a number");
  refused([&] { table.integer("rate", 0, 1); }, "f.toml:2: rate: 0.5 is not a whole number of at least 1");
  refused([&] { table.integer("people", 0, 1, 9); }, "f.toml:1: people: 10 is not a whole number from 1 to 9");
  refused([&] { table.flag("people", true); }, "f.toml:1: people: 10 is not true or false");
  refused([&] { table.texts("rate"); }, "f.toml:2: rate: 0.5 is not a list of texts");
  refused([&] { table.list("rate"); }, "f.toml:2: rate: 0.5 is not a list");
  refused([&] { table.table("rate"); }, "f.toml:2: rate: 0.5 is not a table, [rate]");
  refused([&] { table.tables("words"); }, "f.toml:5: words: [ 'a', 'b' ] is not a list of tables, [[words]]");
  TomlTable scale = table.table("scale").table("paper");
  refused([&] { scale.texts("widths"); }, "f.toml:8: scale.paper.widths: [ 1, 2 ] is not a list of texts");
  scale.has("head");
  refused([&] { scale.finish(); },
          "f.toml:7: scale.paper.heads: there is no such key (did you mean head?); expected head, widths");
  CHECK_THROWS_WITH_AS(parse_toml("people = \n", "g.toml"), doctest::Contains("g.toml:1: this is not TOML: "),
                       UsageError);
  for (const char* text : {"n = nan", "n = inf", "n = true", "n = 1979-05-27"}) {
    const toml::table one = parse_toml(text, "n.toml");
    TomlTable numbers(one, "n.toml", "");
    CHECK_THROWS_AS(numbers.number("n"), UsageError);
  }
  const toml::table date = parse_toml("day = 1979-05-27", "d.toml");
  TomlTable days(date, "d.toml", "");
  refused([&] { days.settings(); }, "d.toml:1: day: 1979-05-27 is not a text, a number, true, false or a list");
}
