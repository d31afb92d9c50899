#include "lethe/study/any_model.h"

#include "lethe/base/error.h"
#include "lethe/edit/values.h"
#include "lethe/model/families.h"
#include "lethe/model/lora.h"
#include "lethe/study/prepare.h"

namespace lethe::study {
namespace {

bool is_model(const fs::path& path) {
  return fs::exists(path / "config.json") || (path.extension() == ".gguf" && fs::exists(path));
}

}  // namespace

fs::path find_base(const fs::path& adapter) {
  if (is_model(adapter)) return adapter;
  const std::string where = (adapter / "adapter_config.json").string();
  const fs::path named = json_string(read_json(where), "base_model_name_or_path", where, "");
  if (!named.empty()) {
    const fs::path folder = fs::absolute(adapter / "").lexically_normal().parent_path().parent_path();
    for (const fs::path& path : {named, adapter / named, folder / name_of(named)}) {
      if (is_model(path)) return path;
    }
  }
  fail_usage("{}: its base model '{}' is neither beside it nor at that path; name it with --base-model",
             adapter.string(), named.string());
}

AnyModel AnyModel::open(const fs::path& model, const fs::path& base_model) {
  if (!model::is_adapter(model)) {
    if (!base_model.empty()) fail_usage("--base-model has no effect: {} is no adapter", model.string());
    return AnyModel(model, model::ModelFiles::open(model));
  }
  AnyModel any(model, model::ModelFiles::open(base_model.empty() ? find_base(model) : base_model));
  any.adapter_ = model::read_adapter(model, any.files_.config());
  return any;
}

model::Transformer AnyModel::load(model::DType precision) const {
  model::Transformer transformer = model::Transformer::load(files_, precision, false);
  if (adapter_) transformer.attach(model::Lora(files_.config(), *adapter_, precision, false));
  return transformer;
}

model::Transformer AnyModel::load_merged(model::DType precision) const {
  return model::Transformer::load(files_, precision, false, merged_values(), false, unties());
}

model::NewValues AnyModel::merged_values() const {
  if (!adapter_) return {};
  return edit::with_adapters(files_, {{*adapter_}});
}

text::Tokenizer AnyModel::tokenizer() const {
  if (own_tokenizer().empty()) return tokenizer_of(files_);
  text::Tokenizer tokenizer = text::Tokenizer::load(path_);
  check(tokenizer.size() <= files_.config().vocab_size, "{}: the tokenizer knows ids up to {}, the model only up to {}",
        path_.string(), tokenizer.size() - 1, files_.config().vocab_size - 1);
  return tokenizer;
}

bool AnyModel::has_tokenizer() const { return fs::exists(path_ / "tokenizer.json") || files_.has_tokenizer(); }

text::Tokenizer open_tokenizer(const fs::path& model) {
  if (model.extension() != ".gguf") return text::Tokenizer::load(model);
  return tokenizer_of(model::ModelFiles::open(model));
}

}  // namespace lethe::study
