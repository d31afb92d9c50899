#include "lethe/model/gguf_tokenizer.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lethe/base/error.h"

namespace lethe::model {
namespace {

// tokenizer.ggml.token_type
enum TokenType : int64_t { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };

const std::string kSpace = "\u2581";  // SentencePiece's blank

struct Vocabulary {
  std::vector<std::string> tokens;
  std::vector<int64_t> types;  // empty: all normal
  int64_t type(size_t id) const { return types.empty() ? int64_t{kNormal} : types[id]; }
};

const Json& array_field(const Json& m, const char* key, const std::string& where) {
  const Json& array = json_field(m, key, where);
  check(array.is_array(), "{}: \"{}\" is no array", where, key);
  return array;
}

std::vector<std::string> strings(const Json& m, const char* key, const std::string& where) {
  std::vector<std::string> out;
  for (const Json& item : array_field(m, key, where)) {
    check(item.is_string(), "{}: \"{}\" holds {}, expected texts", where, key, shown(item));
    out.push_back(item.get<std::string>());
  }
  return out;
}

Vocabulary vocabulary(const Json& m, const std::string& where) {
  Vocabulary v;
  v.tokens = strings(m, "tokenizer.ggml.tokens", where);
  check(!v.tokens.empty(), "{}: \"tokenizer.ggml.tokens\" is empty", where);
  if (!m.contains("tokenizer.ggml.token_type")) return v;
  for (const Json& type : array_field(m, "tokenizer.ggml.token_type", where)) {
    check(type.is_number_integer(), "{}: \"tokenizer.ggml.token_type\" holds {}", where, shown(type));
    v.types.push_back(type.get<int64_t>());
  }
  check(v.types.size() == v.tokens.size(), "{}: {} tokens, but {} types of tokens", where, v.tokens.size(),
        v.types.size());
  return v;
}

// The token of a field like "bos": none where the file does not say.
std::optional<std::string> named_token(const Json& m, const Vocabulary& v, const std::string& name,
                                       const std::string& where) {
  const std::string key = "tokenizer.ggml." + name + "_token_id";
  if (!m.contains(key)) return std::nullopt;
  const int64_t id = json_int(m, key.c_str(), where);
  check(id >= 0 && id < static_cast<int64_t>(v.tokens.size()), "{}: \"{}\" is {}, but there are {} tokens", where, key,
        id, v.tokens.size());
  return v.tokens[static_cast<size_t>(id)];
}

Json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

Json split_then_bytes(const std::string& regex) {
  return {{"type", "Sequence"},
          {"pretokenizers",
           {{{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}, {"invert", false}},
            byte_level(false)}}};
}

// GPT-4's way of splitting, with so many digits to a word.
std::string gpt4_regex(const std::string& digits) {
  return "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" + digits +
         "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
}

// What tokenizer.ggml.pre stands for (llama.cpp's llama-vocab.cpp), as the tokenizer.json of the models it is for.
struct Split {
  Json pre_tokenizer;
  Json normalizer = nullptr;
  bool ignore_merges = false, add_bos = false;
};
Split split_of(const std::string& pre, const std::string& where) {
  const auto is = [&](std::initializer_list<const char*> names) {
    return std::find(names.begin(), names.end(), pre) != names.end();
  };
  if (is({"default", "gpt-2", "gpt2", "phi-2", "olmo", "jais", "mpt"})) return {.pre_tokenizer = byte_level(true)};
  if (is({"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"}))
    return {
        .pre_tokenizer = {{"type", "Sequence"},
                          {"pretokenizers", {{{"type", "Digits"}, {"individual_digits", true}}, byte_level(true)}}}};
  if (is({"llama-bpe", "llama3", "llama-v3", "falcon3"}))
    return {.pre_tokenizer = split_then_bytes(gpt4_regex("\\p{N}{1,3}")), .ignore_merges = true, .add_bos = true};
  if (is({"dbrx", "smaug-bpe"})) return {.pre_tokenizer = split_then_bytes(gpt4_regex("\\p{N}{1,3}"))};
  if (is({"qwen2", "deepseek-r1-qwen", "stablelm2", "megrez"}))
    return {.pre_tokenizer = split_then_bytes(gpt4_regex("\\p{N}")), .normalizer = {{"type", "NFC"}}};
  if (is({"tekken"}))
    return {.pre_tokenizer = split_then_bytes(
                "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|"
                "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|"
                "\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"),
            .ignore_merges = true,
            .add_bos = true};
  fail("{}: \"tokenizer.ggml.pre\" is \"{}\", known are default, gpt-2, smollm, starcoder, llama-bpe, qwen2, tekken",
       where, pre);
}

Json added_tokens(const Vocabulary& v) {
  Json out = Json::array();
  for (size_t id = 0; id < v.tokens.size(); ++id) {
    const int64_t type = v.type(id);
    if (type != kControl && type != kUserDefined && type != kUnknown) continue;
    out.push_back({{"id", id},
                   {"content", v.tokens[id]},
                   {"single_word", false},
                   {"lstrip", false},
                   {"rstrip", false},
                   {"normalized", false},
                   {"special", type != kUserDefined}});
  }
  return out;
}

// Tokens of the model's own vocabulary; unused ones fill a matrix up to a round size and have no text.
Json model_vocab(const Vocabulary& v, const std::string& where) {
  Json vocab = Json::object();
  for (size_t id = 0; id < v.tokens.size(); ++id) {
    if (v.type(id) == kUnused) continue;
    check(vocab.emplace(v.tokens[id], id).second, "{}: the token {} stands twice", where, shown(v.tokens[id]));
  }
  return vocab;
}

// [{"SpecialToken"} ..., {"Sequence"}, ...] for the special tokens that are put around a text; null for none.
Json post_processor(const Json& m, const Vocabulary& v, bool bos_by_default, const std::string& where) {
  const auto around = [&](const char* flag, const char* name, bool otherwise) -> std::optional<std::string> {
    if (!json_bool(m, flag, where, otherwise)) return std::nullopt;
    const auto token = named_token(m, v, name, where);
    check(token || !m.contains(flag), "{}: \"{}\" is true, but \"tokenizer.ggml.{}_token_id\" is missing", where, flag,
          name);
    return token;
  };
  const auto bos = around("tokenizer.ggml.add_bos_token", "bos", bos_by_default);
  const auto eos = around("tokenizer.ggml.add_eos_token", "eos", false);
  if (!bos && !eos) return nullptr;
  const auto sequence = [&](const char* name, int type) {
    Json out = Json::array();
    if (bos) out.push_back({{"SpecialToken", {{"id", *bos}, {"type_id", type}}}});
    out.push_back({{"Sequence", {{"id", name}, {"type_id", type}}}});
    if (eos) out.push_back({{"SpecialToken", {{"id", *eos}, {"type_id", type}}}});
    return out;
  };
  Json pair = sequence("A", 0), special = Json::object();
  for (const Json& item : sequence("B", 1)) pair.push_back(item);
  for (const auto& [token, name] : {std::pair(bos, "bos"), std::pair(eos, "eos")}) {
    if (!token) continue;
    const int64_t id = json_int(m, ("tokenizer.ggml." + std::string(name) + "_token_id").c_str(), where);
    special[*token] = {{"id", *token}, {"ids", {id}}, {"tokens", {*token}}};
  }
  return {{"type", "TemplateProcessing"}, {"single", sequence("A", 0)}, {"pair", pair}, {"special_tokens", special}};
}

Json bpe(const Json& vocab, Json merges) {
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", false},
          {"vocab", vocab},
          {"merges", std::move(merges)}};
}

void fill_byte_level(const Json& m, const Vocabulary& v, const std::string& where, Json& out) {
  const Split split = split_of(json_string(m, "tokenizer.ggml.pre", where, "default"), where);
  Json merges = Json::array();
  for (const std::string& merge : strings(m, "tokenizer.ggml.merges", where)) {
    const size_t space = merge.find(' ', 1);  // a token may begin with a blank
    check(space != std::string::npos && space + 1 < merge.size(),
          "{}: \"tokenizer.ggml.merges\" holds {}, expected two tokens and a blank between", where, shown(merge));
    merges.push_back({merge.substr(0, space), merge.substr(space + 1)});
  }
  out["model"] = bpe(model_vocab(v, where), std::move(merges));
  out["model"]["ignore_merges"] = split.ignore_merges;
  out["normalizer"] = split.normalizer;
  out["pre_tokenizer"] = split.pre_tokenizer;
  out["decoder"] = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
  out["post_processor"] = post_processor(m, v, split.add_bos, where);
}

// Every way to put a token together from two others, the best token first; among equals longer first parts, then longer
// second parts first. Source: generate_merges in transformers' tokenization_utils_base. Lengths count code points.
Json merges_of_scores(const Vocabulary& v, const std::vector<double>& scores) {
  struct Merge {
    std::string_view left, right;
    size_t left_id, right_id;
    double score;
    size_t left_length, right_length;
  };
  std::unordered_map<std::string_view, size_t> ids;
  for (size_t id = 0; id < v.tokens.size(); ++id) ids.emplace(v.tokens[id], id);
  const auto usable = [&](size_t id) { return v.type(id) == kNormal || v.type(id) == kUserDefined; };
  std::vector<Merge> merges;
  for (size_t id = 0; id < v.tokens.size(); ++id) {
    if (!usable(id)) continue;
    const std::string_view token = v.tokens[id];
    const auto starts = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
    const size_t length = static_cast<size_t>(std::count_if(token.begin(), token.end(), starts));
    const size_t first = merges.size();
    for (size_t i = 1, seen = 1; i < token.size(); ++i) {
      if (!starts(token[i])) continue;
      const auto left = ids.find(token.substr(0, i)), right = ids.find(token.substr(i));
      if (left != ids.end() && right != ids.end() && usable(left->second) && usable(right->second))
        merges.push_back({left->first, right->first, left->second, right->second, scores[id], seen, length - seen});
      ++seen;
    }
    std::sort(merges.begin() + static_cast<std::ptrdiff_t>(first), merges.end(), [](const Merge& a, const Merge& b) {
      return std::pair(a.left_id, a.right_id) < std::pair(b.left_id, b.right_id);
    });
  }
  std::stable_sort(merges.begin(), merges.end(), [](const Merge& a, const Merge& b) {
    return std::tuple(a.score, a.left_length, a.right_length) > std::tuple(b.score, b.left_length, b.right_length);
  });
  Json out = Json::array();
  for (const Merge& merge : merges) out.push_back({std::string(merge.left), std::string(merge.right)});
  return out;
}

// The layout of Llama 2's tokenizer.json.
void fill_sentencepiece(const Json& m, const Vocabulary& v, const std::string& where, Json& out) {
  std::vector<double> scores;
  for (const Json& score : array_field(m, "tokenizer.ggml.scores", where)) {
    check(score.is_number(), "{}: \"tokenizer.ggml.scores\" holds {}, expected numbers", where, shown(score));
    scores.push_back(score.get<double>());
  }
  check(scores.size() == v.tokens.size(), "{}: {} tokens, but {} scores", where, v.tokens.size(), scores.size());
  const bool prefix = json_bool(m, "tokenizer.ggml.add_space_prefix", where, true);

  Json model = bpe(model_vocab(v, where), merges_of_scores(v, scores));
  if (const auto unknown = named_token(m, v, "unknown", where)) model["unk_token"] = *unknown;
  model["fuse_unk"] = model["byte_fallback"] = true;
  Json normalizers = Json::array(), decoders = Json::array();
  if (prefix) normalizers.push_back({{"type", "Prepend"}, {"prepend", kSpace}});
  normalizers.push_back({{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kSpace}});
  decoders.push_back({{"type", "Replace"}, {"pattern", {{"String", kSpace}}}, {"content", " "}});
  decoders.push_back({{"type", "ByteFallback"}});
  decoders.push_back({{"type", "Fuse"}});
  if (prefix) decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  out["model"] = model;
  out["normalizer"] = {{"type", "Sequence"}, {"normalizers", normalizers}};
  out["pre_tokenizer"] = nullptr;
  out["decoder"] = {{"type", "Sequence"}, {"decoders", decoders}};
  out["post_processor"] = post_processor(m, v, true, where);
}

}  // namespace

bool gguf_has_tokenizer(const Json& metadata) {
  const auto model = metadata.find("tokenizer.ggml.model");
  return model != metadata.end() && *model != "none" && *model != "no_vocab";  // llama.cpp's words for none
}

Json gguf_tokenizer_json(const Json& metadata, const std::string& where) {
  if (!gguf_has_tokenizer(metadata)) return nullptr;
  const std::string model = json_string(metadata, "tokenizer.ggml.model", where);
  check(model == "gpt2" || model == "llama", "{}: \"tokenizer.ggml.model\" is \"{}\", known are gpt2, llama", where,
        model);
  const Vocabulary v = vocabulary(metadata, where);
  Json out = {{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}, {"added_tokens", added_tokens(v)}};
  (model == "gpt2" ? fill_byte_level : fill_sentencepiece)(metadata, v, where, out);
  return out;
}

Json gguf_tokenizer_config(const Json& metadata, const std::string& where) {
  if (!gguf_has_tokenizer(metadata)) return nullptr;
  const Vocabulary v = vocabulary(metadata, where);
  Json out = {{"tokenizer_class", "PreTrainedTokenizerFast"}, {"clean_up_tokenization_spaces", false}};
  for (const auto& [field, name] : {std::pair("bos_token", "bos"), std::pair("eos_token", "eos"),
                                    std::pair("unk_token", "unknown"), std::pair("pad_token", "padding")})
    if (const auto token = named_token(metadata, v, name, where)) out[field] = *token;
  const std::string length = json_string(metadata, "general.architecture", where, "") + ".context_length";
  if (metadata.contains(length)) out["model_max_length"] = json_int(metadata, length.c_str(), where);
  if (metadata.contains("tokenizer.chat_template"))
    out["chat_template"] = json_string(metadata, "tokenizer.chat_template", where);
  return out;
}

}  // namespace lethe::model
