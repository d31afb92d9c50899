#include "cli/model.h"

#include <fmt/format.h>

#include "lethe/base/error.h"
#include "lethe/model/families.h"

namespace lethe::cli {
namespace {

bool is_model_directory(const fs::path& path) { return fs::exists(path / "config.json"); }

// Where an adapter's base is: beside it, or where its adapter_config.json says, seen from here or from the adapter.
fs::path find_base(const fs::path& adapter) {
  if (is_model_directory(adapter)) return adapter;
  const std::string where = (adapter / "adapter_config.json").string();
  const fs::path named = json_string(read_json(where), "base_model_name_or_path", where, "");
  if (!named.empty()) {
    const fs::path siblings = fs::absolute(adapter).lexically_normal().parent_path();
    for (const fs::path& path : {named, adapter / named, siblings / named.filename()}) {
      if (is_model_directory(path) || (path.extension() == ".gguf" && fs::exists(path))) return path;
    }
  }
  fail_usage("{}: the base model '{}' is neither beside the adapter nor at that path; name it with --base-model",
             adapter.string(), named.string());
}

}  // namespace

OpenModel open_model(const fs::path& model, const fs::path& base_model) {
  if (!model::is_adapter(model)) {
    if (!base_model.empty()) fail_usage("--base-model has no effect: {} is no adapter directory", model.string());
    return {model::ModelFiles::open(model), std::nullopt};
  }
  OpenModel open{model::ModelFiles::open(base_model.empty() ? find_base(model) : base_model), std::nullopt};
  open.adapter = model::read_adapter(model, open.files.config());
  return open;
}

model::NewValues OpenModel::values() const {
  if (!adapter) return {};
  const bool in_out = model::family_of(files.config().model_type, files.path().string()).in_out;
  return [this, in_out](const model::StoredTensor& tensor, float* out) {
    for (const model::LoraWeights& lora : adapter->weights) {
      if (tensor.name != lora.module + ".weight") continue;
      files.read(tensor, out);
      model::add_product(lora, adapter->scale(), in_out, out);
      return true;
    }
    return false;
  };
}

text::Tokenizer open_tokenizer(const fs::path& model) {
  if (model.extension() != ".gguf") return text::Tokenizer::load(model);
  const model::ModelFiles files = model::ModelFiles::open(model);
  return text::Tokenizer::from_json(files.tokenizer_json(), model.string(), files.tokenizer_config());
}

}  // namespace lethe::cli
