// The tokenizer that a GGUF file carries, as Hugging Face files: tokenizer.json and tokenizer_config.json.
#pragma once
#include <string>

#include "lethe/base/json.h"

namespace lethe::model {

bool gguf_has_tokenizer(const Json& metadata);
// Vocabularies "gpt2" (byte-level BPE; tokenizer.ggml.pre says how words are split) and "llama" (SentencePiece BPE:
// merges are derived from the scores as transformers does). Null where the file has no tokenizer.
Json gguf_tokenizer_json(const Json& metadata, const std::string& where);
Json gguf_tokenizer_config(const Json& metadata, const std::string& where);

}  // namespace lethe::model
