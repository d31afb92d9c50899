// A MODEL argument, opened: a Hugging Face directory, a GGUF file, or a PEFT adapter directory with its base.
#pragma once
#include <optional>

#include "lethe/model/adapter.h"
#include "lethe/model/model_files.h"
#include "lethe/text/tokenizer.h"

namespace lethe::cli {

struct OpenModel {
  model::ModelFiles files;  // of an adapter: its base
  std::optional<model::Adapter> adapter;
  // The adapter's moves on the weights of `files`; empty where there is none.
  model::NewValues values() const;
};

// `base_model` may be empty: then an adapter's base is looked for beside it and where its config says.
OpenModel open_model(const fs::path& model, const fs::path& base_model);
// Needs no weights; an adapter directory without a tokenizer is an error.
text::Tokenizer open_tokenizer(const fs::path& model);

}  // namespace lethe::cli
