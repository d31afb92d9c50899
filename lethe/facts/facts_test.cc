#include "lethe/facts/facts.h"

#include <doctest/doctest.h>

#include <set>

#include "lethe/base/error.h"
#include "tests/temp_dir.h"

using namespace lethe;
using namespace lethe::facts;

namespace {

const fs::path kRoot = fs::path(__FILE__).parent_path().parent_path().parent_path();

std::vector<Fact> golden(const char* name, int64_t limit = 0) {
  return read_facts({.path = kRoot / "tests/golden/facts" / name, .limit = limit});
}

// A real file of ../shared, empty (and said so) where it is missing.
std::vector<Fact> real(const char* name) {
  const fs::path path = kRoot.parent_path() / "shared/data" / name;
  if (fs::exists(path)) return read_facts({.path = path});
  MESSAGE("SKIPPED: no ", path.string());
  return {};
}

}  // namespace

TEST_CASE("native facts") {
  const auto facts = golden("native.jsonl");
  REQUIRE(facts.size() == 2);
  CHECK(facts[0].prompt == "The capital of France is");
  CHECK(facts[0].old_answer == "Paris");
  CHECK(facts[0].new_answer == "Lyon");
  CHECK(facts[0].subject == "France");
  CHECK(facts[0].rephrasings.at(1) == "The seat of France's government is");
  CHECK(facts[0].locality.at(0).answer == "Madrid");
  CHECK(facts[0].portability.at(0).answer == "Lyon");
  CHECK(facts[1].index == 1);
  CHECK(facts[1].old_answer.empty());
  CHECK(facts[1].rephrasings.at(0) == "Water begins to boil at");
  CHECK(golden("native.jsonl", 1).size() == 1);
}

TEST_CASE("native facts in CSV, with a byte order mark") {
  const auto facts = golden("native.csv");
  REQUIRE(facts.size() == 2);
  CHECK(facts[0].prompt == "The mayor of \"Old, New\" Town is");
  CHECK(facts[0].old_answer.empty());
  CHECK(facts[0].rephrasings == std::vector<std::string>{"Who runs it?", "Its mayor is"});
  CHECK(facts[0].locality.at(0).answer == "Madrid");
  CHECK(facts[1].new_answer == "Two\nlines");
  CHECK(facts[1].rephrasings == std::vector<std::string>{"Its name is"});
  CHECK(facts[1].locality.empty());
}

TEST_CASE("a native record reads back as the same fact") {
  const TempDir dir;
  for (const char* name : {"native.jsonl", "zsre.json"}) {
    const auto facts = golden(name);
    std::string lines;
    for (const Fact& fact : facts) lines += native_record(fact).dump() + "\n";
    write_file(dir / "native.jsonl", lines);
    const auto again = read_facts({.path = dir / "native.jsonl"});
    REQUIRE(again.size() == facts.size());
    for (size_t i = 0; i < facts.size(); ++i) {
      CHECK(again[i].prompt == facts[i].prompt);
      CHECK(again[i].new_answer == facts[i].new_answer);
      CHECK(again[i].old_answer == facts[i].old_answer);
      CHECK(again[i].subject == facts[i].subject);
      CHECK(again[i].rephrasings == facts[i].rephrasings);
      CHECK(again[i].locality == facts[i].locality);
      CHECK(again[i].portability == facts[i].portability);
    }
  }
}

TEST_CASE("ZsRE: pred is the old answer") {
  const Fact fact = golden("zsre.json").at(0);
  CHECK(fact.prompt == "Which family does Ramalinaceae belong to?");
  CHECK(fact.old_answer == "Ramalinales");
  CHECK(fact.new_answer == "Lamiinae");
  CHECK(fact.rephrasings.at(0) == "What family are Ramalinaceae?");
  CHECK(fact.locality.at(0).prompt == "types of skiing in the winter olympics 2018");
  CHECK(fact.locality.at(0).answer == "Downhill");
  CHECK(fact.portability.at(0).answer == "Cerambycidae");
}

TEST_CASE("COUNTERFACT as in EasyEdit and as in ROME") {
  const Fact easy = golden("counterfact-easyedit.json").at(0);
  CHECK(easy.subject == "Danielle Darrieux");
  CHECK(easy.old_answer == "French");
  CHECK(easy.new_answer == "English");
  CHECK(easy.rephrasings.size() == 1);
  CHECK(easy.locality.at(0).prompt == "Michel Rocard is a native speaker of");
  const Fact rome = golden("counterfact-rome.json").at(0);
  CHECK(rome.prompt == "Spike Hughes originates from");
  CHECK(rome.subject == "Spike Hughes");
  CHECK(rome.old_answer == "London");
  CHECK(rome.new_answer == "Philadelphia");
  CHECK(rome.rephrasings.at(1) == "Spike Hughes was born in");
  REQUIRE(rome.locality.size() == 2);
  CHECK(rome.locality[1].prompt == "William Hogarth originated from");
  CHECK(rome.locality[1].answer == "London");
}

TEST_CASE("KnowEdit: the first of several answers, and blank auxiliary answers ask nothing") {
  const Fact fact = golden("knowedit.json").at(0);
  CHECK(fact.old_answer == "human");
  CHECK(fact.new_answer == "male");
  REQUIRE(fact.locality.size() == 2);
  CHECK(fact.locality[0].answer == "gene");
  CHECK(fact.locality[1].answer == "forward strand");
  CHECK(fact.portability.at(0).answer == "male");
}

TEST_CASE("formats may be mixed in one file") {
  const auto facts = golden("mixed.jsonl");
  REQUIRE(facts.size() == 4);
  for (int64_t i = 0; i < 4; ++i) CHECK(facts[static_cast<size_t>(i)].index == i);
  CHECK(facts[1].prompt == "c");
  CHECK(facts[2].new_answer == "f");
  CHECK(facts[3].prompt == "S g S");
}

TEST_CASE("a pair of Alpaca files") {
  const fs::path folder = kRoot / "tests/golden/facts";
  const auto facts = read_facts({.old_file = folder / "alpaca-old.json", .new_file = folder / "alpaca-new.json"});
  REQUIRE(facts.size() == 2);
  CHECK(facts[0].old_answer == "Ada Moreau");
  CHECK(facts[0].new_answer == "Jonas Lind");
  CHECK(facts[1].prompt == "Name the capital.\nSpain");
  CHECK_THROWS_WITH_AS(read_facts({.old_file = folder / "alpaca-old.json", .new_file = folder / "zsre.json"}),
                       doctest::Contains("zsre.json, index 0: \"instruction\" is \"\""), Error);
  TempDir dir;
  write_file(dir / "one.json", R"([{"instruction":"Who leads the observatory?","output":"x"}])");
  CHECK_THROWS_WITH_AS(read_facts({.old_file = folder / "alpaca-old.json", .new_file = dir / "one.json"}),
                       doctest::Contains("has 1: index 1 has no partner"), Error);
  CHECK(read_facts({.old_file = folder / "alpaca-old.json", .new_file = dir / "one.json", .limit = 1}).size() == 1);
}

TEST_CASE("either one file or a pair") {
  CHECK_THROWS_WITH_AS(read_facts({}), doctest::Contains("no facts"), UsageError);
  CHECK_THROWS_WITH_AS(read_facts({.path = "a", .old_file = "b", .new_file = "c"}), doctest::Contains("not both"),
                       UsageError);
  CHECK_THROWS_WITH_AS(read_facts({.old_file = "b"}), doctest::Contains("--new-file is missing"), UsageError);
  CHECK_THROWS_WITH_AS(read_facts({.path = "a", .limit = -1}), doctest::Contains("--limit is -1"), UsageError);
}

TEST_CASE("the examples are whole") {
  const auto counterfact = read_facts({.path = kRoot / "examples/facts/counterfact-100.json"});
  CHECK(counterfact.size() == 100);
  std::set<std::string> prompts;
  for (const Fact& fact : counterfact) {
    prompts.insert(fact.prompt);
    CHECK(!fact.old_answer.empty());
    CHECK(fact.rephrasings.size() == 1);
    CHECK(fact.locality.size() == 1);
  }
  CHECK(prompts.size() == 100);
  const auto own = read_facts({.path = kRoot / "examples/facts/my-facts.jsonl"});
  CHECK(own.size() == 5);
  for (const Fact& fact : own) CHECK((!fact.old_answer.empty() && !fact.rephrasings.empty() && !fact.locality.empty()));
}

// What the whole real files hold, counted and read off by hand with Python.
struct Totals {
  size_t facts = 0, olds = 0, rephrasings = 0, locality = 0, portability = 0;
  bool operator==(const Totals&) const = default;
};

Totals totals(const std::vector<Fact>& facts) {
  Totals sum;
  for (const Fact& fact : facts) {
    ++sum.facts;
    sum.olds += !fact.old_answer.empty();
    sum.rephrasings += fact.rephrasings.size();
    sum.locality += fact.locality.size();
    sum.portability += fact.portability.size();
  }
  return sum;
}

TEST_CASE("real COUNTERFACT (EasyEdit)") {
  const auto facts = real("counterfact/counterfact-edit.json");
  if (facts.empty()) return;
  CHECK(totals(facts) == Totals{10000, 10000, 10000, 10000, 0});
  CHECK(facts[2].prompt == "What is the twin city of Lyon? It is");
  CHECK(facts[2].new_answer == "Manila");
  CHECK(facts[2].old_answer == "Beirut");
  CHECK(facts[97].prompt == "Mount Markham is located in the continent");
  CHECK(facts[97].locality[0].answer == "Antarctica");
}

TEST_CASE("real COUNTERFACT (ROME)") {
  const auto facts = real("counterfact/counterfact_rome_schema.json");
  if (facts.empty()) return;
  CHECK(totals(facts) == Totals{1031, 1031, 2062, 10310, 1031});
  CHECK(facts[500].prompt == "Hell Gate Bridge, from");
  CHECK(facts[500].new_answer == "Philadelphia");
  CHECK(facts[500].old_answer == "Amtrak");
  CHECK(facts[500].locality[9].prompt == "Ardmore owner");
  CHECK(facts[500].locality[9].answer == "Amtrak");
  for (const Fact& fact : facts) CHECK(fact.prompt.find("{}") == std::string::npos);
}

TEST_CASE("real ZsRE") {
  const auto facts = real("zsre/zsre_mend_eval_portability.json");
  if (facts.empty()) return;
  CHECK(totals(facts) == Totals{1037, 1037, 1037, 1037, 1037});
  CHECK(facts[0].old_answer == "2011");
  CHECK(facts[0].new_answer == "2006");
  CHECK(facts[0].locality[0].prompt == "what is the name of the last episode of spongebob");
  CHECK(facts[0].portability[0].answer == "Athletics");
  CHECK(facts[1036].new_answer == "bronze");
  CHECK(facts[1036].locality[0].answer == "William Chatterton Dix");
  for (const Fact& fact : facts) CHECK(!fact.locality[0].prompt.starts_with("nq question"));
}

TEST_CASE("real KnowEdit") {
  const auto facts = real("zsre/knowedit-zsre-test.json");
  if (facts.empty()) return;
  CHECK(totals(facts) == Totals{1304, 1304, 1304, 2608, 1304});
  CHECK(facts[0].old_answer == "Aspidoceratidae");
  CHECK(facts[0].new_answer == "Noctuidae");
  CHECK(facts[0].locality[1].prompt == "Epaspidoceras taxon rank");
  CHECK(facts[1303].old_answer == "Mother's Finest");
  CHECK(facts[1303].portability[0].answer == "Pop and rock music");
}
