#include "lethe/text/tokenizer.h"

#include <algorithm>
#include <mutex>

#include "lethe/base/error.h"
#include "lethe/text/added_tokens.h"
#include "lethe/text/decoder.h"
#include "lethe/text/model.h"
#include "lethe/text/normalizer.h"
#include "lethe/text/post_processor.h"
#include "lethe/text/pre_tokenizer.h"
#include "lethe/text/unicode.h"

namespace lethe::text {
namespace {

// A component that a file may lack.
Json part(const Json& file, const char* key, const std::string& where) {
  check(file.is_object(), "{}: not an object", where);
  return file.value(key, Json());
}

// "chat_template" is a text, or a list of named ones of which the one named "default" counts.
std::string read_chat_template(const Json& config, const std::string& where) {
  const Json field = config.is_object() ? config.value("chat_template", Json()) : Json();
  if (!field.is_array()) return config.is_object() ? json_string(config, "chat_template", where, "") : "";
  for (const Json& named : field) {
    if (json_string(named, "name", where) == "default") return json_string(named, "template", where);
  }
  return "";
}

// "bos_token" and the like: a text or an object with "content", null where there is none.
std::optional<std::string> read_special_token(const Json& config, const char* key, const std::string& where) {
  const Json field = config.is_object() ? config.value(key, Json()) : Json();
  if (field.is_null()) return std::nullopt;
  if (field.is_object()) return json_string(field, "content", where + ": " + key);
  return json_string(config, key, where);
}

}  // namespace

struct Tokenizer::Parts {
  Parts(const Json& json, const std::string& where)
      : model(make_model(json_field(json, "model", where), where + ": model")),
        normalizer(make_normalizer(part(json, "normalizer", where), where + ": normalizer")),
        pre_tokenizers(part(json, "pre_tokenizer", where), where + ": pre_tokenizer"),
        post_processor(part(json, "post_processor", where), where + ": post_processor"),
        decoder(make_decoder(part(json, "decoder", where), where + ": decoder")),
        added_tokens(part(json, "added_tokens", where), model->vocabulary(), normalizer.get(),
                     where + ": added_tokens") {}

  // A scratch that no other thread uses; it comes back for the next call.
  std::unique_ptr<Scratch> take_scratch() const {
    const std::lock_guard lock(mutex);
    if (scratches.empty()) return std::make_unique<Scratch>();
    auto scratch = std::move(scratches.back());
    scratches.pop_back();
    return scratch;
  }
  void give_back(std::unique_ptr<Scratch> scratch) const {
    const std::lock_guard lock(mutex);
    scratches.push_back(std::move(scratch));
  }

  void encode(std::string_view text, Scratch& scratch, std::vector<int32_t>& ids) const;
  void encode_normalized(Piece piece, Scratch& scratch, std::vector<int32_t>& ids) const;

  std::unique_ptr<Model> model;
  std::unique_ptr<Normalizer> normalizer;  // may be null
  PreTokenizers pre_tokenizers;
  PostProcessor post_processor;
  std::unique_ptr<Decoder> decoder;  // may be null
  AddedTokens added_tokens;
  std::optional<int32_t> bos_id, eos_id;
  std::string chat_template;

  mutable std::mutex mutex;
  mutable std::vector<std::unique_ptr<Scratch>> scratches;
};

void Tokenizer::Parts::encode(std::string_view text, Scratch& scratch, std::vector<int32_t>& ids) const {
  added_tokens.split(text, false, [&](const AddedToken* token, size_t begin, size_t end) {
    if (token) return ids.push_back(token->id);
    const std::string_view between = text.substr(begin, end - begin);
    if (!normalizer) return encode_normalized({between, begin == 0}, scratch, ids);
    std::string normalized(between);
    bool whole = begin == 0;
    normalizer->normalize(normalized, whole);
    encode_normalized({normalized, whole}, scratch, ids);
  });
}

void Tokenizer::Parts::encode_normalized(Piece piece, Scratch& scratch, std::vector<int32_t>& ids) const {
  const bool raw_bytes = pre_tokenizers.raw_bytes();
  added_tokens.split(piece.text, true, [&](const AddedToken* token, size_t begin, size_t end) {
    if (token) return ids.push_back(token->id);
    pre_tokenizers.split({piece.text.substr(begin, end - begin), piece.first && begin == 0}, [&](Piece word) {
      stop_if_interrupted();
      model->encode(word.text, raw_bytes, scratch, ids);
    });
  });
}

Tokenizer::Tokenizer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::from_json(const Json& tokenizer_json, const std::string& where, const Json& tokenizer_config) {
  Tokenizer tokenizer(std::make_unique<Parts>(tokenizer_json, where));
  const std::string config_where = where + ": tokenizer_config";
  const auto special = [&](const char* key) -> std::optional<int32_t> {
    const auto content = read_special_token(tokenizer_config, key, config_where);
    if (!content) return std::nullopt;
    const auto id = tokenizer.id(*content);
    check(id.has_value(), "{}: its \"{}\" is \"{}\", which is not a token of the tokenizer", config_where, key,
          *content);
    return id;
  };
  tokenizer.parts_->bos_id = special("bos_token");
  tokenizer.parts_->eos_id = special("eos_token");
  tokenizer.parts_->chat_template = read_chat_template(tokenizer_config, config_where);
  return tokenizer;
}

Tokenizer Tokenizer::load(const fs::path& directory_or_file) {
  const bool is_directory = fs::is_directory(directory_or_file);
  const fs::path file = is_directory ? directory_or_file / "tokenizer.json" : directory_or_file;
  const auto beside = [&](const char* name) { return file.parent_path() / name; };
  const auto optional_json = [&](const char* name) {
    return fs::exists(beside(name)) ? read_json(beside(name)) : Json();
  };
  Json config = optional_json("tokenizer_config.json");
  const Json map = optional_json("special_tokens_map.json");
  if (!config.is_object()) config = Json::object();
  for (const char* key : {"bos_token", "eos_token"}) {
    if (map.is_object() && map.contains(key) && !config.contains(key)) config[key] = map[key];
  }
  Tokenizer tokenizer = from_json(read_json(file), file.string(), config);
  if (fs::exists(beside("chat_template.jinja")))
    tokenizer.parts_->chat_template = read_file(beside("chat_template.jinja"));
  return tokenizer;
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  std::string replaced;
  if (!is_valid_utf8(text)) {
    replaced = replace_invalid_utf8(text);
    text = replaced;
  }
  std::vector<int32_t> ids;
  auto scratch = parts_->take_scratch();
  parts_->encode(text, *scratch, ids);
  parts_->give_back(std::move(scratch));
  if (add_special_tokens) parts_->post_processor.add_special_tokens(ids);
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special_tokens) const {
  std::vector<std::string> tokens;
  for (const int32_t id : ids) {
    const AddedToken* added = parts_->added_tokens.find(id);
    if (added) {
      if (!(skip_special_tokens && added->special)) tokens.push_back(added->form);
    } else if (parts_->model->vocabulary().has(id)) {
      tokens.emplace_back(parts_->model->vocabulary().token(id));
    }
  }
  if (parts_->decoder) parts_->decoder->decode(tokens);
  std::string text;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0 && !parts_->decoder) text += ' ';  // as Hugging Face does without a decoder
    text += tokens[i];
  }
  return text;
}

bool Tokenizer::has(int32_t id) const { return parts_->added_tokens.find(id) || parts_->model->vocabulary().has(id); }

std::string Tokenizer::token(int32_t id) const {
  if (const AddedToken* added = parts_->added_tokens.find(id)) return added->content;
  const Vocabulary& vocabulary = parts_->model->vocabulary();
  check(vocabulary.has(id), "the tokenizer has no token with the id {}; its ids are 0 to {}", id, size() - 1);
  return std::string(vocabulary.token(id));
}

std::optional<int32_t> Tokenizer::id(std::string_view token) const {
  if (const AddedToken* added = parts_->added_tokens.find(token)) return added->id;
  const int32_t id = parts_->model->vocabulary().find(token);
  return id == Vocabulary::kNone ? std::nullopt : std::optional(id);
}

bool Tokenizer::is_special(int32_t id) const {
  const AddedToken* added = parts_->added_tokens.find(id);
  return added && added->special;
}

int64_t Tokenizer::size() const {
  int64_t size = parts_->model->vocabulary().end_id();
  for (const AddedToken& token : parts_->added_tokens.all()) size = std::max<int64_t>(size, token.id + 1);
  return size;
}

std::optional<int32_t> Tokenizer::bos_id() const { return parts_->bos_id; }
std::optional<int32_t> Tokenizer::eos_id() const { return parts_->eos_id; }
const std::string& Tokenizer::chat_template() const { return parts_->chat_template; }

}  // namespace lethe::text
