// lethe convert: a GGUF file, an adapter laid on its base, or a directory, written as a Hugging Face directory.
#include <fmt/format.h>

#include "cli/program.h"
#include "lethe/run/progress.h"
#include "lethe/study/any_model.h"
#include "lethe/study/prepare.h"

namespace lethe::cli {

void convert(Arguments arguments) {
  fs::path model, out, base_model;
  std::string dtype;
  bool overwrite = false;
  Common common;
  Options options("convert", "Writes a model as a Hugging Face directory that transformers loads with no option.");
  options.example("convert SmolLM2.gguf --out SmolLM2",
                  "dequantises; the tokenizer in the file becomes tokenizer.json");
  options.example("convert my-adapter --base-model SmolLM2 --out merged", "lays a PEFT adapter on its base, for good");
  options.example("convert SmolLM2 --dtype BF16 --out SmolLM2-bf16", "rounds the weights once");
  options.add("model", model, "a .gguf file, a PEFT adapter directory, or a Hugging Face directory")
      .positional()
      .required();
  options.group("Options");
  options.add("out", out, "the directory to write").placeholder("DIR").required();
  options.add("base-model", base_model, "the model under an adapter, where it is not found beside it")
      .placeholder("MODEL");
  options.add("dtype", dtype, "of the weights; otherwise the source's own, and BF16 for quantised ones")
      .one_of({"F32", "F16", "BF16"});
  options.add("overwrite", overwrite, "replace the model in --out, where there is one; other files stay").flag();
  if (!common.start(options, arguments)) return;

  check_not_read(out, model);
  check_out(out, OutKind::kModel, overwrite);
  const study::AnyModel source = study::AnyModel::open(model, base_model);
  if (!source.own_tokenizer().empty()) source.tokenizer();  // found wanting before anything is written
  model::write_model(source.files(), out, source.merged_values(),
                     {dtype, source.unties(), overwrite, run::byte_progress("write"), source.own_tokenizer()});

  const model::ModelFiles written = model::ModelFiles::open(out);
  int64_t parameters = 0;
  for (const model::StoredTensor& tensor : written.tensors()) parameters += tensor.size();
  const size_t tensors = written.tensors().size();
  if (common.json) {
    return print_json({{"out", out.string()},
                       {"model_type", written.config().model_type},
                       {"tensors", tensors},
                       {"parameters", parameters}});
  }
  print(fmt::format("{}: {}, {} tensors, {:.1f} million parameters\n", out.string(), written.config().model_type,
                    tensors, parameters / 1e6));
}

}  // namespace lethe::cli
