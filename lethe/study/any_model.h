// A MODEL that is only read, whatever it is: a Hugging Face directory, a GGUF file, or a PEFT adapter with its base.
#pragma once
#include <optional>

#include "lethe/model/adapter.h"
#include "lethe/model/model_files.h"
#include "lethe/model/transformer.h"
#include "lethe/text/tokenizer.h"

namespace lethe::study {

class AnyModel {
 public:
  // `base_model` may be empty: an adapter's base is then looked for beside it and where its config says; Error where it
  // is not found, or `model` is none of the three.
  static AnyModel open(const fs::path& model, const fs::path& base_model = {});

  const model::ModelFiles& files() const { return files_; }  // of an adapter: its base
  const std::optional<model::Adapter>& adapter() const { return adapter_; }
  // For inference, an adapter laid on as PEFT does.
  model::Transformer load(model::DType precision) const;
  // The same with the adapter's moves in the weights: what `lethe convert` would write.
  model::Transformer load_merged(model::DType precision) const;
  // The adapter's moves on the weights, for write_model; empty where there is none.
  model::NewValues merged_values() const;
  // Whether they move an embedding and not the head that is tied to it: the two part.
  bool unties() const { return adapter_ && model::unties(*adapter_, files_.config()); }
  // An adapter's own tokenizer, else its base's. Errors: there is none; it knows more ids than the model.
  text::Tokenizer tokenizer() const;
  bool has_tokenizer() const;
  // The adapter's directory, where it has a tokenizer beside its weights; else empty.
  fs::path own_tokenizer() const { return adapter_ && fs::exists(path_ / "tokenizer.json") ? path_ : fs::path(); }

 private:
  AnyModel(fs::path path, model::ModelFiles files) : path_(std::move(path)), files_(std::move(files)) {}

  fs::path path_;
  model::ModelFiles files_;
  std::optional<model::Adapter> adapter_;
};

// Where an adapter's base is: beside it, or where its adapter_config.json says, seen from here or from the adapter;
// UsageError where it is not.
fs::path find_base(const fs::path& adapter);

// The tokenizer alone: of a directory, a tokenizer.json, or a .gguf file.
text::Tokenizer open_tokenizer(const fs::path& model);

}  // namespace lethe::study
