#include "lethe/measure/probe_facts.h"

#include <doctest/doctest.h>

#include <set>

#include "lethe/base/error.h"
#include "lethe/text/tiny_tokenizer.h"
#include "tests/temp_dir.h"

using namespace lethe;
using namespace lethe::measure;

namespace {

text::Tokenizer tokenizer() { return text::tiny_tokenizer({"<bos>", "<eos>"}, {{"bos_token", "<bos>"}}); }

FactsProbe read(const std::string& text, uint64_t seed = 0, int64_t positions = 64) {
  const TempDir dir;
  write_file(dir / "facts.jsonl", text);
  return facts_probe(dir / "facts.jsonl", tokenizer(), positions, seed);
}

std::string line(const std::string& subject, const std::string& answer, const std::string& more = "") {
  return R"({"subject": ")" + subject + R"(", "answer": ")" + answer + "\"" + more + "}\n";
}

}  // namespace

TEST_CASE("half of each class's subjects are trained on, read at their last token") {
  std::string text;
  for (int i = 0; i < 6; ++i) text += line("a" + std::to_string(i), "x") + line("b" + std::to_string(i), "y");
  text += line("only", "z");
  const FactsProbe probe = read(text);
  CHECK(probe.left_out == 1);
  CHECK(probe.classes == std::vector<std::string>{"x", "y"});
  CHECK(probe.train.size() == 6);
  CHECK(probe.test.size() == 6);
  std::set<std::string> trained;
  int xs = 0;
  for (const auto* inputs : {&probe.train, &probe.test})
    for (const ProbeInput& input : *inputs) {
      const auto at = static_cast<size_t>(input.label);
      const std::string& subject = probe.texts[at];
      CHECK((subject[0] == 'a') == (probe.classes[static_cast<size_t>(probe.target.labels[at])] == "x"));
      CHECK(tokenizer().decode(input.ids) == "<bos>" + subject);
      CHECK(input.rows == std::vector<int32_t>{static_cast<int32_t>(input.ids.size() - 1)});
      if (inputs == &probe.train) {
        xs += subject[0] == 'a';
        trained.insert(subject);
      }
    }
  CHECK(xs == 3);
  bool another = false;  // half under some other seed
  for (uint64_t seed = 1; seed < 5; ++seed)
    for (const ProbeInput& input : read(text, seed).train)
      another |= !trained.contains(read(text, seed).texts[static_cast<size_t>(input.label)]);
  CHECK(another);
}

TEST_CASE("a prompt is read up to the subject's end, and a subject stays in one half") {
  std::string text;
  for (const char* subject : {"Peru", "Chad", "Laos", "Mali"})
    for (const char* prompt : {"The land of ", "Where is "})
      text += line(subject, subject[0] == 'P' || subject[0] == 'L' ? "x" : "y",
                   std::string(R"(, "prompt": ")") + prompt + subject + " lies in\"");
  const FactsProbe probe = read(text);
  REQUIRE(probe.train.size() == 4);
  REQUIRE(probe.test.size() == 4);
  std::set<std::string> trained;
  const auto last = [&](const ProbeInput& input) {
    const std::string& read = probe.texts[static_cast<size_t>(input.label)];
    return read.substr(read.size() - 4);
  };
  for (const ProbeInput& input : probe.train) trained.insert(last(input));
  CHECK(trained.size() == 2);
  CHECK(probe.train_subjects == 2);
  CHECK(probe.test_subjects == 2);
  std::set<int64_t> subjects, labels;
  for (const auto* inputs : {&probe.train, &probe.test})
    for (const ProbeInput& input : *inputs) subjects.insert(input.subject), labels.insert(input.label);
  CHECK(subjects.size() == 4);
  CHECK(labels.size() == 8);
  for (const ProbeInput& input : probe.test) CHECK_FALSE(trained.contains(last(input)));
}

TEST_CASE("a subject inside of a word is none") {
  const auto read_of = [](const std::string& subject, const std::string& prompt) {
    std::string text = line(subject, "x", R"(, "prompt": ")" + prompt + "\"");
    for (const char* other : {"b", "c", "d"}) text += line(other, other[0] == 'b' ? "x" : "y");
    return read(text).texts.at(0);
  };
  CHECK(read_of("Ann", "Does Ann live in Annapolis") == "Does Ann");
  CHECK(read_of("Ann", "Ann and JoAnn know Ann's Anna") == "Ann and JoAnn know Ann");
  CHECK(read_of("Ann", "Annapolis lies in") == "Ann");
  CHECK(read_of("Ann", "JoAnn and Annapolis") == "Ann");
  CHECK(read_of("Yahoo!", "Is Yahoo!a firm") == "Is Yahoo!");
  CHECK(read_of("\u6771\u4eac", "Now \u6771\u4eac\u306f") == "Now \u6771\u4eac");
}

TEST_CASE("records in a format of facts give the old answer as the class") {
  std::string text;
  for (const char* subject : {"Ann", "Bob", "Cid", "Dan"})
    text += std::string(R"({"prompt": "The city of )") + subject + R"( is", "subject": ")" + subject +
            R"(", "old": ")" + (subject[0] < 'C' ? "Rome" : "Oslo") + R"(", "new": "Paris"})" + "\n";
  CHECK(read(text).classes == std::vector<std::string>{"Oslo", "Rome"});
}

TEST_CASE("facts that cannot be probed are errors that name the record") {
  const auto message = [](const std::string& text, int64_t positions = 64) -> std::string {
    try {
      read(text, 0, positions);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  const std::string good = line("a", "x") + line("b", "x") + line("c", "y") + line("d", "y");
  CHECK(message(good) == "");
  CHECK(message(good + R"({"answer": "x"})").find("index 4 (line 5)") != std::string::npos);
  CHECK(message(good + R"({"answer": "x"})").find("subject") != std::string::npos);
  CHECK(message(good + line("", "x")).find("index 4 (line 5): no subject") != std::string::npos);
  CHECK(message(good + line("e", "")).find("the answer is empty") != std::string::npos);
  CHECK(message(good + R"({"prompt": "p", "new": "n"})").find("no subject") != std::string::npos);
  CHECK(message(good + "{\"subject\": \"e\"").find("line 5") != std::string::npos);
  CHECK(message(good + line(std::string(99, 'e'), "x")).find("takes 100 tokens") != std::string::npos);
  CHECK(message(line("a", "x") + line("b", "x") + line("c", "y")).find("1 of 2 answers have several subjects") !=
        std::string::npos);
}
