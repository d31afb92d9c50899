// A tokenizer: text to token ids and back, read from a Hugging Face tokenizer.json, with ids equal to those of the
// Python package `tokenizers`. The way of a text: added tokens are cut out, the rest is normalized, split into words,
// each word is split into tokens by the model, and the post-processor adds special tokens; the decoder goes back.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lethe/base/file.h"
#include "lethe/base/json.h"

namespace lethe::text {

class Tokenizer {
 public:
  // `where` (a path) begins every error message; tokenizer_config.json may be null. Truncation and padding are ignored.
  static Tokenizer from_json(const Json& tokenizer_json, const std::string& where,
                             const Json& tokenizer_config = Json());
  // Reads tokenizer.json from a directory (or the file itself) and, where they stand beside it, tokenizer_config.json,
  // special_tokens_map.json and chat_template.jinja.
  static Tokenizer load(const fs::path& directory_or_file);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // The ids of `text`; with `add_special_tokens` also those that the post-processor adds (<s>, for example). Each
  // maximal invalid part of the UTF-8 counts as U+FFFD. May be called from many threads at once. Throws
  // Interrupted after Ctrl-C: a text may be long.
  std::vector<int32_t> encode(std::string_view text, bool add_special_tokens) const;
  // The text of `ids`, bytes that are no UTF-8 as U+FFFD. Ids without a token are passed over.
  std::string decode(std::span<const int32_t> ids, bool skip_special_tokens = false) const;

  bool has(int32_t id) const;
  std::string token(int32_t id) const;  // an id without a token is an error
  std::optional<int32_t> id(std::string_view token) const;
  bool is_special(int32_t id) const;
  int64_t size() const;  // the highest id + 1

  // From tokenizer_config.json (special_tokens_map.json, where it does not say).
  std::optional<int32_t> bos_id() const;
  std::optional<int32_t> eos_id() const;
  const std::string& chat_template() const;  // a Jinja text, empty where there is none

 private:
  struct Parts;
  explicit Tokenizer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace lethe::text
