// For tests: a byte-level tokenizer without merges, so that ids are bytes in another order and decode() shows what was
// encoded.
#pragma once
#include <string>
#include <vector>

#include "lethe/base/json.h"
#include "lethe/text/tokenizer.h"

namespace lethe::text {

// `special` tokens come first (ids 0, 1, ...); a token named in `config` (bos_token, eos_token) must be one of them.
// `bos` stands before every text that is encoded with special tokens, if it is not empty.
inline Tokenizer tiny_tokenizer(const std::vector<std::string>& special, const Json& config = Json::object(),
                                const std::string& bos = "") {
  Json vocab = Json::object(), added = Json::array();
  for (const std::string& token : special) {
    added.push_back({{"id", added.size()},
                     {"content", token},
                     {"special", true},
                     {"normalized", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"single_word", false}});
    vocab[token] = vocab.size();
  }
  const auto add =
      [&](uint32_t code_point) {  // GPT-2's alphabet: printable bytes as themselves, the others from U+0100
        std::string token;
        if (code_point < 0x80) {
          token = {static_cast<char>(code_point)};
        } else {
          token = {static_cast<char>(0xC0 | code_point >> 6), static_cast<char>(0x80 | (code_point & 0x3F))};
        }
        vocab[token] = vocab.size();
      };
  uint32_t hidden = 0x100;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    add(printable ? byte : hidden++);
  }
  Json json = {
      {"version", "1.0"},
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer",
       {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}}},
      {"post_processor", nullptr},
      {"decoder", {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}}},
      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", Json::array()}}}};
  if (!bos.empty()) {
    const Json id = vocab[bos];
    json["post_processor"] = {
        {"type", "TemplateProcessing"},
        {"single", {{{"SpecialToken", {{"id", bos}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
        {"pair", Json::array()},
        {"special_tokens", {{bos, {{"id", bos}, {"ids", {id}}, {"tokens", {bos}}}}}}};
  }
  return Tokenizer::from_json(json, "tiny tokenizer", config);
}

}  // namespace lethe::text
