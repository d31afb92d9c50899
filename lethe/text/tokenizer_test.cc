// The face of the tokenizer: its special tokens, its settings, many threads, and files that are damaged.
#include "lethe/text/tokenizer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <thread>

#include "lethe/base/error.h"
#include "lethe/base/interrupt.h"
#include "tests/temp_dir.h"

using namespace lethe;
using namespace lethe::text;
using Ids = std::vector<int32_t>;

namespace {

const fs::path kGoldenFiles = "tests/golden/tokenizer";

// Letters and two merges: "ab" and "abc".
Json small() {
  return Json::parse(
      R"({"added_tokens": [{"id": 6, "content": "<s>", "special": true}, {"id": 7, "content": "</s>", "special": true}],
    "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": {"type": "Fuse"},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, " ": 3, "ab": 4, "abc": 5}, "merges": ["a b", ["ab", "c"]]}})");
}

Tokenizer read(const Json& json, const Json& config = Json()) { return Tokenizer::from_json(json, "t.json", config); }

std::string error_of(const Json& json, const Json& config = Json()) {
  try {
    read(json, config);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

// The error of small() with `value` at the JSON pointer `place`.
std::string error_with(const char* place, const char* value) {
  Json json = small();
  json[Json::json_pointer(place)] = Json::parse(value);
  return error_of(json);
}

}  // namespace

TEST_CASE("tokens, ids and special tokens") {
  const Tokenizer t = read(small());
  CHECK(t.encode("abcab</s>x", true) == Ids{5, 4, 7});  // without an unknown token what is unknown is left out
  CHECK(t.decode(Ids{5, 4, 7, 99, -1}) == "abcab</s>");
  CHECK(t.decode(Ids{5, 4, 7}, true) == "abcab");
  CHECK(t.size() == 8);
  CHECK(t.token(5) == "abc");
  CHECK(t.token(6) == "<s>");
  CHECK(t.id("ab") == 4);
  CHECK(t.id("</s>") == 7);
  CHECK(!t.id("x"));
  CHECK(t.is_special(7));
  CHECK(!t.is_special(5));
  CHECK(!t.is_special(-1));
  CHECK_THROWS_WITH_AS(t.token(8), doctest::Contains("its ids are 0 to 7"), Error);
  CHECK(!t.bos_id());
  CHECK(t.chat_template().empty());
}

TEST_CASE("tokenizer_config.json names the special tokens and the chat template") {
  const Tokenizer t =
      read(small(), {{"bos_token", "<s>"}, {"eos_token", {{"content", "</s>"}}}, {"chat_template", "{{ x }}"}});
  CHECK(t.bos_id() == 6);
  CHECK(t.eos_id() == 7);
  CHECK(t.chat_template() == "{{ x }}");
  const Json named = Json::parse(R"([{"name": "tools", "template": "T"}, {"name": "default", "template": "D"}])");
  CHECK(read(small(), {{"chat_template", named}}).chat_template() == "D");
  CHECK(!read(small(), {{"eos_token", nullptr}}).eos_id());
  CHECK(error_of(small(), {{"eos_token", "<end>"}}).find("\"eos_token\" is \"<end>\", which is not a token") !=
        std::string::npos);
}

TEST_CASE("a folder: the files beside tokenizer.json") {
  const TempDir dir;
  write_file(dir / "tokenizer.json", small().dump());
  write_file(dir / "tokenizer_config.json", R"({"bos_token": "<s>"})");
  write_file(dir / "special_tokens_map.json", R"({"bos_token": "a", "eos_token": "</s>"})");
  write_file(dir / "chat_template.jinja", "jinja");
  for (const fs::path& path : {dir.path(), dir / "tokenizer.json"}) {
    const Tokenizer t = Tokenizer::load(path);
    CHECK(t.bos_id() == 6);
    CHECK(t.eos_id() == 7);
    CHECK(t.chat_template() == "jinja");
  }
  CHECK_THROWS_WITH_AS(Tokenizer::load(dir / "other.json"), doctest::Contains("other.json"), Error);
}

TEST_CASE("many threads share one tokenizer") {
  const Tokenizer t = Tokenizer::load(kGoldenFiles / "llama3.json");
  const Json strings = read_json(kGoldenFiles / "strings.json")["strings"];
  std::vector<std::vector<Ids>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) {
    threads.emplace_back([&] {
      for (size_t i = 0; i < 500; ++i) result.push_back(t.encode(strings[i].get_ref<const std::string&>(), true));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) CHECK(result == results[0]);
  CHECK(results[0].size() == 500);
}

TEST_CASE("a long text without words to cut merges in the right order, and fast") {
  std::string text;
  for (int i = 0; i < 200000; ++i) text += i % 3 == 2 ? "abc" : "ab";
  const Ids ids = read(small()).encode(text, false);
  REQUIRE(ids.size() == 200000);
  CHECK(std::count(ids.begin(), ids.end(), 5) == 66666);
}

TEST_CASE("settings that are not known are errors that name the place and what is known") {
  const auto has = [](const std::string& error, const std::string& part) {
    CHECK_MESSAGE(error.find(part) != std::string::npos, error);
  };
  has(error_with("/model/type", R"("Unigram")"), "t.json: model: unknown type \"Unigram\"; known are BPE, WordLevel");
  has(error_with("/normalizer", R"({"type": "Precompiled"})"),
      "normalizer: unknown type \"Precompiled\"; known are Sequence");
  has(error_with("/pre_tokenizer", R"({"type": "X"})"),
      "t.json: pre_tokenizer: X: unknown type \"X\"; known are Sequence, ByteLevel");
  has(error_with("/post_processor", R"({"type": "X"})"), "t.json: post_processor: unknown type \"X\"");
  has(error_with("/decoder", R"({"type": "CTC"})"), "t.json: decoder: unknown type \"CTC\"");
  has(error_with("/pre_tokenizer", R"({"type": "Split", "pattern": {"Regex": "a"}, "behavior": "Apart"})"),
      "unknown behavior \"Apart\"; known are Removed, Isolated");
  has(error_with("/pre_tokenizer", R"({"type": "Split", "pattern": {"Regex": "(a"}, "behavior": "Isolated"})"),
      "pre_tokenizer: Split: the regular expression \"(a\" does not compile: missing closing parenthesis");
  has(error_with("/pre_tokenizer", R"({"type": "Split", "pattern": {"Regex": "[a&&b]"}, "behavior": "Isolated"})"),
      "an intersection of classes (&&)");
  has(error_with("/pre_tokenizer", R"({"type": "Split", "pattern": {"Glob": "a"}, "behavior": "Isolated"})"),
      "\"String\"");
  has(error_with("/pre_tokenizer", R"({"type": "Metaspace", "replacement": "__"})"), "\"__\", expected one character");
  has(error_with("/pre_tokenizer", R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "often"})"),
      "unknown prepend_scheme \"often\"; known are always, first, never");
  has(error_with("/model/dropout", "0.1"), "\"dropout\" is 0.1, expected null");
}

TEST_CASE("damaged vocabularies and merges are errors") {
  const auto has = [](const std::string& error, const std::string& part) {
    CHECK_MESSAGE(error.find(part) != std::string::npos, error);
  };
  has(error_of(Json::array()), "t.json: found [], expected an object with the field \"model\"");
  has(error_with("/model/vocab", "[1]"), "t.json: model: \"vocab\" is not an object");
  has(error_with("/model/vocab/ab", "-4"), "the token \"ab\" has the id -4, expected 0 to");
  has(error_with("/model/vocab/ab", "4.5"), "the token \"ab\" has the id 4.5");
  has(error_with("/model/vocab/ab", "4000000000"), "the token \"ab\" has the id 4000000000");
  has(error_with("/model/vocab/ab", "\"4\""), "the token \"ab\" has the id \"4\"");
  has(error_with("/model/vocab/ab", "2"), "the id 2 is given twice, to \"ab\" and to \"c\"");
  has(error_with("/model/merges", "{}"), "\"merges\" is not a list");
  has(error_with("/model/merges/0", "\"a x\""), "merge 0 (\"a\" and \"x\") needs the token \"x\"");
  has(error_with("/model/merges/0", "\"b a\""), "needs the token \"ba\", which is not in the vocabulary");
  has(error_with("/model/merges/0", "\"ab\""), "merge 0 is \"ab\", expected two tokens with one space");
  has(error_with("/model/merges/1", "[\"a\", 1]"), "merge 1 is [\"a\",1], expected two tokens");
  has(error_with("/added_tokens", "7"), "t.json: added_tokens: not a list");
  has(error_with("/added_tokens/0/id", "-1"), "\"<s>\" has the id -1");
  has(error_with("/added_tokens/0/id", "9"), "\"<s>\" has the id 9, expected 6 (the next one behind the vocabulary)");
  has(error_with("/added_tokens/1/content", "\"<s>\""), "t.json: added_tokens: \"<s>\" is there twice");
  has(error_with(
          "/post_processor",
          R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<x>"}}], "special_tokens": {}})"),
      "post_processor: TemplateProcessing: the field \"<x>\" is missing");
  has(error_with("/post_processor", R"({"type": "RobertaProcessing", "cls": ["<s>"], "sep": ["</s>", 7]})"),
      "\"cls\" is [\"<s>\"]");
}

TEST_CASE("an unknown word without an unknown token is an error, not a crash") {
  Json json = small();
  json["model"] = {{"type", "WordLevel"}, {"vocab", {{"a", 0}}}, {"unk_token", "[UNK]"}};
  json["added_tokens"] = nullptr;
  const Tokenizer t = read(json);
  CHECK(t.encode("a", false) == Ids{0});
  CHECK_THROWS_WITH_AS(t.encode("z", false), doctest::Contains("the word \"z\""), Error);
  json = small();
  json["model"]["unk_token"] = "<unk>";
  CHECK_THROWS_WITH_AS(read(json).encode("z", false), doctest::Contains("the unknown token \"<unk>\""), Error);
}

TEST_CASE("a file that ends early is an error that names it") {
  const TempDir dir;
  const std::string whole = read_file(kGoldenFiles / "odd.json");
  for (size_t size = 0; size + 2 < whole.size(); size += 1 + whole.size() / 24) {
    write_file(dir / "tokenizer.json", whole.substr(0, size));
    CHECK_THROWS_WITH_AS(Tokenizer::load(dir.path()), doctest::Contains("tokenizer.json"), Error);
  }
}

TEST_CASE("any value at any place of a file's settings is an error or a tokenizer that works") {
  const Json strings = read_json(kGoldenFiles / "strings.json")["strings"];
  size_t errors = 0, tokenizers = 0;
  for (const char* family : {"odd.json", "llama3.json", "word_level.json", "falcon.json"}) {
    Json file = read_json(kGoldenFiles / family);
    const Json vocab = file["model"]["vocab"], merges = file["model"].value("merges", Json());
    file["model"]["vocab"] = file["model"]["merges"] = nullptr;  // mutated in the test above
    const Json flat = file.flatten();
    for (const auto& [place, value] : flat.items()) {
      for (const char* replacement : {"null", "-1", "\"\"", "\"(\"", "[]", "{}", "true", "[[]]"}) {
        Json json = file;
        json["model"]["vocab"] = vocab;
        json["model"]["merges"] = merges;
        json[Json::json_pointer(place)] = Json::parse(replacement);
        try {
          const Tokenizer t = read(json);
          for (size_t i = 0; i < 60; ++i) t.decode(t.encode(strings[i * 30].get_ref<const std::string&>(), true));
          ++tokenizers;
        } catch (const Error&) {
          ++errors;
        }
      }
    }
  }
  CHECK(errors > 500);
  CHECK(tokenizers > 100);
}

TEST_CASE("Ctrl-C ends the encoding of a text") {
  const Tokenizer t = read(small());
  raise_interrupt();
  CHECK_THROWS_AS(t.encode("abc", false), Interrupted);
  CHECK(t.encode("", false).empty());
  clear_interrupt();
  CHECK(t.encode("abc", false) == Ids{5});
}

TEST_CASE("components nested without end are an error") {
  std::string text = R"({"normalizer":)";
  for (int i = 0; i < 60000; ++i) text += R"({"type":"Sequence","normalizers":[)";
  for (int i = 0; i < 60000; ++i) text += "]}";
  const TempDir dir;
  write_file(dir / "tokenizer.json", text + "," + small().dump().substr(1));
  CHECK_THROWS_WITH_AS(Tokenizer::load(dir.path()), doctest::Contains("nested deeper than 64"), Error);
}
