#include "lethe/model/gguf_tokenizer.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"
#include "lethe/model/model_testing.h"

using namespace lethe;
using namespace lethe::model;
using testing::kGolden;

namespace {

Json byte_level(const char* pre) {
  return Json{{"general.architecture", "llama"},
              {"llama.context_length", 64},
              {"tokenizer.ggml.model", "gpt2"},
              {"tokenizer.ggml.pre", pre},
              {"tokenizer.ggml.tokens", {"<s>", "a", "b", "ab", " ", " a", "<tool>", "[PAD]"}},
              {"tokenizer.ggml.token_type", {3, 1, 1, 1, 1, 1, 4, 5}},
              {"tokenizer.ggml.merges", {"a b", "  a"}},
              {"tokenizer.ggml.bos_token_id", 0}};
}
Json sentencepiece() {
  return Json{{"tokenizer.ggml.model", "llama"},
              {"tokenizer.ggml.tokens", {"<unk>", "<s>", "<0x41>", "\u2581a", "\u2581ab", "\u2581", "a", "b", "ab"}},
              {"tokenizer.ggml.scores", {0, 0, 0, -1, -2, -4, -5, -6, -1}},
              {"tokenizer.ggml.token_type", {2, 3, 6, 1, 1, 1, 1, 1, 1}},
              {"tokenizer.ggml.unknown_token_id", 0},
              {"tokenizer.ggml.bos_token_id", 1}};
}
Json with_metadata(Json metadata, const char* changes) {
  metadata.merge_patch(Json::parse(changes));
  return gguf_tokenizer_json(metadata, "m.gguf");
}

}  // namespace

TEST_CASE("byte-level BPE: words, added tokens, merges, special tokens around the text") {
  const Json t = with_metadata(byte_level("smollm"), "{}");
  CHECK(t["pre_tokenizer"]["pretokenizers"][0]["type"] == "Digits");
  CHECK(t["pre_tokenizer"]["pretokenizers"][1]["use_regex"] == true);
  CHECK(t["post_processor"].is_null());
  CHECK(t["model"]["merges"] == Json::parse(R"([["a","b"],[" ","a"]])"));
  CHECK(t["model"]["vocab"].size() == 7);  // not the unused one
  REQUIRE(t["added_tokens"].size() == 2);
  CHECK(t["added_tokens"][0]["special"] == true);
  CHECK(t["added_tokens"][1]["content"] == "<tool>");
  CHECK(t["added_tokens"][1]["special"] == false);

  CHECK(with_metadata(byte_level("gpt-2"), "{}")["pre_tokenizer"]["type"] == "ByteLevel");
  CHECK(with_metadata(byte_level("gpt-2"), R"({"tokenizer.ggml.pre":null})")["pre_tokenizer"]["type"] == "ByteLevel");
  const Json llama3 = with_metadata(byte_level("llama-bpe"), "{}");
  CHECK(llama3["model"]["ignore_merges"] == true);
  CHECK(llama3["post_processor"]["single"][0]["SpecialToken"]["id"] == "<s>");
  CHECK(llama3["post_processor"]["special_tokens"]["<s>"]["ids"] == Json::array({0}));
  const std::string regex = llama3["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"];
  CHECK(regex.find("\\p{N}{1,3}|") != std::string::npos);
  CHECK(
      with_metadata(byte_level("llama-bpe"), R"({"tokenizer.ggml.add_bos_token":false})")["post_processor"].is_null());
  CHECK(with_metadata(byte_level("qwen2"), "{}")["normalizer"]["type"] == "NFC");
  const Json both = with_metadata(byte_level("gpt-2"), R"({"tokenizer.ggml.add_bos_token":true,
      "tokenizer.ggml.add_eos_token":true,"tokenizer.ggml.eos_token_id":6})");
  CHECK(both["post_processor"]["single"].size() == 3);
  CHECK(both["post_processor"]["pair"].size() == 6);
}

TEST_CASE("SentencePiece: merges in the order of the scores, longer first parts first") {
  const Json t = with_metadata(sentencepiece(), "{}");
  // "▁a" and "ab" (-1) before both ways to "▁ab" (-2).
  CHECK(t["model"]["merges"] ==
        Json::parse("[[\"\u2581\",\"a\"],[\"a\",\"b\"],[\"\u2581a\",\"b\"],[\"\u2581\",\"ab\"]]"));
  CHECK(t["model"]["byte_fallback"] == true);
  CHECK(t["model"]["unk_token"] == "<unk>");
  CHECK(t["normalizer"]["normalizers"].size() == 2);
  CHECK(t["decoder"]["decoders"].size() == 4);
  CHECK(t["post_processor"]["single"][0]["SpecialToken"]["id"] == "<s>");
  CHECK(t["added_tokens"].size() == 2);
  const Json bare = with_metadata(sentencepiece(), R"({"tokenizer.ggml.add_space_prefix":false})");
  CHECK(bare["normalizer"]["normalizers"].size() == 1);
  CHECK(bare["decoder"]["decoders"].size() == 3);
}

TEST_CASE("tokenizer_config.json names the special tokens and keeps the chat's template") {
  Json m = byte_level("gpt-2");
  m["tokenizer.chat_template"] = "{{ messages }}";
  const Json c = gguf_tokenizer_config(m, "m.gguf");
  CHECK(c["bos_token"] == "<s>");
  CHECK_FALSE(c.contains("eos_token"));
  CHECK(c["chat_template"] == "{{ messages }}");
  CHECK(c["model_max_length"] == 64);
  CHECK(gguf_tokenizer_json(Json::object(), "").is_null());
  CHECK(gguf_tokenizer_config(Json::object(), "").is_null());
  for (const char* none : {"none", "no_vocab"}) CHECK_FALSE(gguf_has_tokenizer({{"tokenizer.ggml.model", none}}));
  CHECK(gguf_has_tokenizer(m));
}

TEST_CASE("damaged vocabularies are refused") {
  const auto wrong = [](const Json& base, const char* changes, const char* message) {
    CAPTURE(changes);
    CHECK_THROWS_WITH_AS(with_metadata(base, changes), doctest::Contains(message), Error);
  };
  const Json b = byte_level("gpt-2"), s = sentencepiece();
  wrong(b, R"({"tokenizer.ggml.model":"bert"})", "\"bert\", known are gpt2, llama");
  wrong(b, R"({"tokenizer.ggml.pre":"unheard"})", "\"unheard\", known are");
  wrong(b, R"({"tokenizer.ggml.tokens":null})", "\"tokenizer.ggml.tokens\" is missing");
  wrong(b, R"({"tokenizer.ggml.tokens":[]})", "is empty");
  wrong(b, R"({"tokenizer.ggml.tokens":[1]})", "expected texts");
  wrong(b, R"({"tokenizer.ggml.tokens":"x"})", "is no array");
  wrong(b, R"({"tokenizer.ggml.token_type":[1]})", "8 tokens, but 1 types");
  wrong(b, R"({"tokenizer.ggml.token_type":["x"]})", "token_type");
  wrong(b, R"({"tokenizer.ggml.merges":null})", "merges\" is missing");
  wrong(b, R"({"tokenizer.ggml.merges":["ab"]})", "expected two tokens");
  wrong(b, R"({"tokenizer.ggml.tokens":["a","a","b","c","d","e","f","g"]})", "stands twice");
  wrong(b, R"({"tokenizer.ggml.add_bos_token":true,"tokenizer.ggml.bos_token_id":8})", "but there are 8 tokens");
  wrong(b, R"({"tokenizer.ggml.add_eos_token":true})", "eos_token_id\" is missing");
  wrong(s, R"({"tokenizer.ggml.scores":[1]})", "9 tokens, but 1 scores");
  wrong(s, R"({"tokenizer.ggml.scores":["x"]})", "expected numbers");
}

TEST_CASE("the golden files carry tokenizers of the right kind") {
  const auto tokenizer = [](const char* name) {
    return ModelFiles::open(kGolden / "gguf" / name / "model.gguf").tokenizer_json();
  };
  CHECK(tokenizer("llama-tied")["model"]["vocab"].size() == 288);
  CHECK(tokenizer("gpt2")["post_processor"].is_null());
  const Json stories = tokenizer("stories260K");
  CHECK(stories["model"]["vocab"].size() == 512);
  CHECK(stories["model"]["merges"].size() == 165);
  CHECK(stories["model"]["merges"][0] == Json({"\u2581", "t"}));
}
