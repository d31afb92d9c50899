// A GGUF file seen as a Hugging Face model: its config.json, and its tensors under their Hugging Face names.
// Architectures: llama and gpt2.
#pragma once
#include <string>
#include <vector>

#include "lethe/model/gguf.h"
#include "lethe/model/model_files.h"

namespace lethe::model {

// `file` are the bytes that `gguf` was read from.
Json gguf_config(const Gguf& gguf, std::span<const std::byte> file, const std::string& where);
// One for each of the file's tensors but the rotary factors, which gguf_config has read.
std::vector<StoredTensor> gguf_tensors(const Gguf& gguf, const ModelConfig& config, const std::string& where);

}  // namespace lethe::model
