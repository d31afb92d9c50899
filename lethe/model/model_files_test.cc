#include "lethe/model/model_files.h"

#include <doctest/doctest.h>

#include <cstring>

#include "lethe/base/error.h"
#include "lethe/model/families.h"
#include "lethe/model/model_testing.h"
#include "lethe/model/safetensors.h"
#include "tests/temp_dir.h"

using namespace lethe;
using namespace lethe::model;
using testing::kModels;
using testing::tensor_values;

namespace {

// A copy of a golden model whose files can be damaged.
struct Copy {
  TempDir dir;
  explicit Copy(const std::string& name) {
    for (const auto& entry : fs::directory_iterator(kModels / name))
      if (entry.is_regular_file()) fs::copy(entry.path(), dir / entry.path().filename().string());
  }
  void set_config(const char* changes) {
    Json config = read_json(dir / "config.json");
    config.merge_patch(Json::parse(changes));
    write_file(dir / "config.json", config.dump());
  }
  void refused(const char* message) {
    CAPTURE(message);
    CHECK_THROWS_WITH_AS(ModelFiles::open(dir.path()), doctest::Contains(message), Error);
  }
};

}  // namespace

TEST_CASE("a model in one file: every parameter, exactly") {
  const ModelFiles model = ModelFiles::open(kModels / "llama-tied");
  CHECK(model.config().tied_embeddings);
  CHECK_FALSE(model.is_gguf());
  for (const ParameterSpec& spec : parameter_specs(model.config())) {
    const std::vector<float> v = tensor_values(model, spec.name);
    CHECK(std::memcmp(v.data(), model.bytes(*model.find(spec.name)).data(), v.size() * 4) == 0);
  }
  CHECK(model.find("none") == nullptr);
}

TEST_CASE("F16 and BF16 widen exactly and bf16 is rounded once") {
  const ModelFiles f32 = ModelFiles::open(kModels / "llama"), f16 = ModelFiles::open(kModels / "llama-f16"),
                   bf16 = ModelFiles::open(kModels / "llama-bf16");
  for (const ParameterSpec& spec : parameter_specs(f32.config())) {
    const std::vector<float> exact = tensor_values(f32, spec.name), half = tensor_values(f16, spec.name),
                             brain = tensor_values(bf16, spec.name);
    std::vector<uint16_t> rounded(exact.size()), stored(exact.size()), from_half(exact.size());
    f32.read_bf16(*f32.find(spec.name), rounded.data());
    bf16.read_bf16(*bf16.find(spec.name), stored.data());
    CHECK(rounded == stored);
    f16.read_bf16(*f16.find(spec.name), from_half.data());
    bool close = true, same = true;
    for (size_t i = 0; i < exact.size(); ++i) {
      close = close && std::abs(half[i] - exact[i]) <= std::abs(exact[i]) / 2048 + 1e-7f;
      const uint32_t bits = static_cast<uint32_t>(stored[i]) << 16;
      float back;
      std::memcpy(&back, &bits, 4);
      same = same && back == brain[i];
    }
    CHECK(close);
    CHECK(same);
  }
}

TEST_CASE("rows alone are the rows of the whole, also of tensors that are not aligned") {
  const ModelFiles model = ModelFiles::open(kModels / "gpt2-first-names");
  const StoredTensor& tensor = *model.find("transformer.h.1.mlp.c_fc.weight");
  const std::vector<float> whole = tensor_values(model, tensor.name);
  std::vector<float> part(static_cast<size_t>(3 * tensor.cols()));
  model.read_rows(tensor, 5, 3, part.data());
  CHECK(std::equal(part.begin(), part.end(), whole.begin() + 5 * tensor.cols()));

  // One byte of U8 before the model's tensors: every F32 lies askew.
  Copy copy("llama-tied");
  const ModelFiles original = ModelFiles::open(kModels / "llama-tied");
  std::vector<SafetensorsEntry> entries = {{"odd", "U8", {1}}};
  std::string data = "x";
  for (const StoredTensor& t : original.tensors()) {
    entries.push_back({t.name, t.dtype, t.shape});
    const auto bytes = original.bytes(t);
    data.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  write_file(copy.dir / "model.safetensors", safetensors_header(entries, {}) + data);
  const ModelFiles askew = ModelFiles::open(copy.dir.path());
  CHECK(tensor_values(askew, "model.norm.weight") == tensor_values(original, "model.norm.weight"));
  CHECK_THROWS_WITH_AS(tensor_values(askew, "odd"), doctest::Contains("dtype U8"), Error);
}

TEST_CASE("shards, and names without the prefix of the base model") {
  const ModelFiles whole = ModelFiles::open(kModels / "llama"), shards = ModelFiles::open(kModels / "llama-sharded");
  CHECK(shards.files().size() == 3);
  for (const ParameterSpec& spec : parameter_specs(whole.config()))
    CHECK(tensor_values(whole, spec.name) == tensor_values(shards, spec.name));

  const ModelFiles first = ModelFiles::open(kModels / "gpt2-first-names");
  CHECK(first.find("transformer.wte.weight")->stored_name == "wte.weight");
  CHECK(first.find("transformer.h.0.attn.bias") != nullptr);  // the mask is carried, no parameter
}

TEST_CASE("what is wrong with a directory is said") {
  TempDir empty;
  CHECK_THROWS_WITH_AS(ModelFiles::open(empty / "none"), doctest::Contains("no such file"), Error);
  CHECK_THROWS_WITH_AS(ModelFiles::open(empty.path()), doctest::Contains("no config.json"), Error);
  write_file(empty / "world.toml", "");
  CHECK_THROWS_WITH_AS(ModelFiles::open(empty.path()), doctest::Contains("directory (this is a WORLD)"), Error);
  write_file(empty / "adapter_config.json", "{}");
  CHECK_THROWS_WITH_AS(ModelFiles::open(empty.path()), doctest::Contains("PEFT adapter"), Error);
  {
    Copy copy("llama");
    fs::remove(copy.dir / "model.safetensors");
    copy.refused("no model.safetensors");
    write_file(copy.dir / "pytorch_model.bin", "x");
    copy.refused("save the model as safetensors");
    write_file(copy.dir / "model.safetensors", "");
    copy.refused("too short");
    write_file(copy.dir / "config.json", "");
    copy.refused("config.json: empty");
    write_file(copy.dir / "config.json", "{\"model_type\":");
    copy.refused("not valid JSON");
  }
}

TEST_CASE("weights that do not fit config.json are named with both shapes") {
  Copy copy("llama");
  copy.set_config(R"({"intermediate_size":40})");
  copy.refused("\"model.layers.0.mlp.gate_proj.weight\" has the shape [48, 32], expected [40, 32]");
  copy.set_config(R"({"intermediate_size":48,"num_hidden_layers":3})");
  copy.refused("\"model.layers.2.input_layernorm.weight\" [32] is missing");
  copy.set_config(R"({"num_hidden_layers":2,"vocab_size":96,"tie_word_embeddings":true})");
  copy.refused("expected [96, 32]");
  copy.set_config(R"({"vocab_size":97,"num_hidden_layers":1})");
  CHECK(ModelFiles::open(copy.dir.path()).find("model.layers.1.mlp.gate_proj.weight") != nullptr);  // extra: carried

  Copy tied("llama-tied");
  tied.set_config(R"({"tie_word_embeddings":false})");
  tied.refused("\"lm_head.weight\" [288, 32] is missing");

  Copy twice("gpt2-first-names");
  std::vector<SafetensorsEntry> entries = {{"wte.weight", "U8", {1}}, {"transformer.wte.weight", "U8", {1}}};
  write_file(twice.dir / "model.safetensors", safetensors_header(entries, {}) + "xx");
  twice.refused("stored twice");

  Copy integers("llama-tied");
  std::string file = read_file(integers.dir / "model.safetensors");
  file.replace(file.find("\"F32\""), 5, "\"I32\"");
  write_file(integers.dir / "model.safetensors", file);
  integers.refused("the dtype I32, expected F32, F16 or BF16");
}

TEST_CASE("damaged sets of shards") {
  const char* second = "model-00002-of-00003.safetensors";
  Copy missing("llama-sharded");
  fs::remove(missing.dir / second);
  missing.refused("missing shards");
  missing.refused(second);

  Copy swapped("llama-sharded");
  fs::copy_file(swapped.dir / "model-00001-of-00003.safetensors", swapped.dir / second,
                fs::copy_options::overwrite_existing);
  swapped.refused("stored twice");

  Copy index("llama-sharded");
  const Json json = read_json(index.dir / "model.safetensors.index.json");
  const auto with = [&](const char* changes, const char* message) {
    Json changed = json;
    changed.merge_patch(Json::parse(changes));
    write_file(index.dir / "model.safetensors.index.json", changed.dump());
    index.refused(message);
  };
  with(R"({"weight_map":null})", "weight_map");
  with(R"({"weight_map":[]})", "weight_map");
  with(R"({"weight_map":{"lm_head.weight":3}})", "expected a name");
  with(R"({"weight_map":{"lm_head.weight":"../model.safetensors"}})", "a file beside");
  with(R"({"weight_map":{"lm_head.weight":"model-00003-of-00003.safetensors"}})", "does not hold it");
  with(R"({"weight_map":{"more.weight":"model-00003-of-00003.safetensors"}})", "does not hold it");
}

TEST_CASE("a file cut anywhere is refused") {
  Copy copy("llama-tied");
  const std::string file = read_file(copy.dir / "model.safetensors");
  for (size_t size = 0; size < file.size(); size += size < 3000 ? 7 : 1009) {
    CAPTURE(size);
    write_file(copy.dir / "model.safetensors", file.substr(0, size));
    CHECK_THROWS_AS(ModelFiles::open(copy.dir.path()), Error);
  }
}

TEST_CASE("generation stops at what generation_config.json says, where it says so") {
  TempDir dir;
  fs::copy(kModels / "llama", dir / "m");
  CHECK(ModelFiles::open(dir / "m").config().eos_ids == std::vector<int64_t>{2});
  write_file(dir / "m" / "generation_config.json", R"({"eos_token_id": [5, 7]})");
  CHECK(ModelFiles::open(dir / "m").config().eos_ids == std::vector<int64_t>{5, 7});
  write_file(dir / "m" / "generation_config.json", R"({"temperature": 0.6})");
  CHECK(ModelFiles::open(dir / "m").config().eos_ids == std::vector<int64_t>{2});
  write_file(dir / "m" / "generation_config.json", R"({"eos_token_id": "</s>"})");
  CHECK_THROWS_WITH_AS(ModelFiles::open(dir / "m"), doctest::Contains("generation_config.json: \"eos_token_id\" holds"),
                       Error);
}
