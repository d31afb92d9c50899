#include "lethe/edit/delta.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lethe/base/error.h"
#include "lethe/base/random.h"
#include "lethe/edit/edit_testing.h"
#include "lethe/model/adapter.h"
#include "lethe/model/families.h"
#include "lethe/model/safetensors.h"
#include "lethe/model/write_model.h"
#include "tests/temp_dir.h"

using namespace lethe;
using namespace lethe::edit;
using model::ModelFiles;
using model::StoredTensor;

namespace {

// `base` with every matrix moved a little: what tuning leaves.
void tune(const fs::path& base, const fs::path& out) {
  const ModelFiles source = ModelFiles::open(base);
  uint64_t index = 0;
  model::write_model(source, out, [&](const StoredTensor& tensor, float* to) {
    if (tensor.shape.size() != 2) return false;
    Random random(3, "tune", index++);
    source.read(tensor, to);
    for (int64_t i = 0; i < tensor.size(); ++i) to[i] += static_cast<float>(0.01 * random.normal());
    return true;
  });
}

std::string bytes_of(const fs::path& directory) { return read_file(directory / "model.safetensors"); }

}  // namespace

TEST_CASE("a difference added with scale 1 is the tuned model, byte for byte") {
  for (const char* name : {"llama-bf16", "llama-f16", "gpt2-first-names"}) {
    CAPTURE(name);
    TempDir dir;
    const fs::path base = kModels / name;
    tune(base, dir / "tuned");
    CHECK(bytes_of(dir / "tuned") != bytes_of(base));
    delta_diff(base, dir / "tuned", dir / "delta.safetensors");
    delta_apply(base, dir / "delta.safetensors", 1, dir / "back");
    CHECK(bytes_of(dir / "back") == bytes_of(dir / "tuned"));
    delta_apply(dir / "tuned", dir / "delta.safetensors", -1, dir / "undone");
    CHECK(bytes_of(dir / "undone") == bytes_of(base));

    const MappedFile file(dir / "delta.safetensors");
    const auto header = model::read_safetensors_header(file.bytes(), "delta");
    for (const auto& entry : header.entries) CHECK(entry.shape.size() == 2);  // the norms did not move
    CHECK(header.metadata.at("kind") == "lethe delta");
  }
}

TEST_CASE("any scale: model + scale * delta in fp32, rounded once; the rest is untouched") {
  TempDir dir;
  const fs::path base = kModels / "llama";
  tune(base, dir / "tuned");
  delta_diff(base, dir / "tuned", dir / "d");
  delta_apply(kModels / "llama-sharded", dir / "d", -0.3, dir / "out");
  const ModelFiles a = ModelFiles::open(base), b = ModelFiles::open(dir / "tuned"), c = ModelFiles::open(dir / "out");
  CHECK(c.files().size() == 3);
  for (const StoredTensor& tensor : a.tensors()) {
    const std::vector<float> x = values(a, tensor.name), y = values(b, tensor.name), z = values(c, tensor.name);
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i)
      worst = std::max(worst, std::abs(static_cast<double>(z[i]) - (x[i] - 0.3 * (static_cast<double>(y[i]) - x[i]))));
    CHECK(worst < 3e-7);
  }
}

TEST_CASE("a tied head moves once, with its embedding") {
  TempDir dir;
  const fs::path base = kModels / "llama-tied";
  // The same model with its head stored as well.
  model::write_model(ModelFiles::open(base), dir / "stored", nullptr, {.dtype = "", .untie = true, .overwrite = false});
  fs::copy_file(base / "config.json", dir / "stored" / "config.json", fs::copy_options::overwrite_existing);
  tune(base, dir / "tuned");
  delta_diff(base, dir / "tuned", dir / "d");
  delta_apply(dir / "stored", dir / "d", 1, dir / "out");
  const ModelFiles out = ModelFiles::open(dir / "out"), once = ModelFiles::open(dir / "tuned");
  CHECK(values(out, "lm_head.weight") == values(out, "model.embed_tokens.weight"));
  double worst = 0;
  const auto x = values(out, "model.embed_tokens.weight"), y = values(once, "model.embed_tokens.weight");
  for (size_t i = 0; i < x.size(); ++i) worst = std::max(worst, std::abs(static_cast<double>(x[i]) - y[i]));
  CHECK(worst < 3e-7);
}

TEST_CASE("an adapter is applied in any amount") {
  struct {
    const char *model, *adapter;
  } const cases[] = {{"llama", "lora-all"}, {"llama", "lora-embedding"}, {"gpt2", "lora-all"}};
  for (const auto& c : cases) {
    CAPTURE(c.adapter);
    TempDir dir;
    const fs::path base = kModels / c.model;
    delta_apply(base, base / c.adapter, -0.5, dir / "out");
    const ModelFiles before = ModelFiles::open(base), after = ModelFiles::open(dir / "out");
    const model::Adapter adapter = model::read_adapter(base / c.adapter, before.config());
    for (const StoredTensor& tensor : before.tensors()) {
      std::vector<float> expected = values(before, tensor.name);
      for (const model::LoraWeights& lora : adapter.weights)
        if (lora.module + ".weight" == tensor.name) model::add_product(lora, -0.5 * lora.scale, expected.data());
      CHECK(values(after, tensor.name) == expected);
    }
  }
}

TEST_CASE("an adapted embedding leaves a tied head where it was, as PEFT does") {
  TempDir dir;
  const fs::path base = kModels / "llama-tied";
  const ModelFiles before = ModelFiles::open(base);
  model::Adapter adapter;
  adapter.rank = 1;
  const int64_t vocab = before.config().vocab_size, hidden = before.config().hidden_size;
  adapter.weights.push_back({"model.embed_tokens", true, true, vocab, hidden, 1, adapter.alpha,
                             std::vector<float>(static_cast<size_t>(vocab), 1),
                             std::vector<float>(static_cast<size_t>(hidden), 2)});
  model::write_adapter(dir / "adapter", adapter, before.config());
  delta_apply(base, dir / "adapter", 1, dir / "out");
  const ModelFiles after = ModelFiles::open(dir / "out");
  CHECK_FALSE(after.config().tied_embeddings);
  const std::vector<float> old = values(before, "model.embed_tokens.weight");
  CHECK(values(after, "lm_head.weight") == old);
  CHECK(values(after, "model.embed_tokens.weight")[5] == old[5] + 32);  // alpha 16, rank 1
}

TEST_CASE("norms by layer and matrix") {
  TempDir dir;
  std::vector<model::SafetensorsEntry> entries = {{"transformer.h.10.attn.c_proj.weight", "F32", {2, 2}},
                                                  {"transformer.h.10.mlp.c_proj.weight", "F32", {1, 1}},
                                                  {"transformer.h.2.attn.c_attn.bias", "F32", {2}},
                                                  {"transformer.wte.weight", "F32", {1, 2}}};
  const std::string header = model::safetensors_header(entries, {});
  const float data[] = {1, 1, 1, 1, 2, 3, 4, 5, 12};
  write_file(dir / "d", header + std::string(reinterpret_cast<const char*>(data), sizeof data));
  const std::vector<MatrixNorm> norms = delta_norms(dir / "d");
  REQUIRE(norms.size() == 4);
  CHECK(norms[0].matrix == "wte");
  CHECK(norms[0].layer == -1);
  CHECK(norms[0].norm == 13);
  CHECK(norms[1].matrix == "c_attn.bias");
  CHECK(norms[1].layer == 2);
  CHECK(norms[1].norm == 5);
  CHECK(norms[2].matrix == "attn.c_proj");
  CHECK(norms[2].norm == 2);
  CHECK(norms[3].matrix == "mlp.c_proj");
  CHECK(norms[3].layer == 10);
}

TEST_CASE("what does not fit is named, and nothing is left behind") {
  TempDir dir;
  const fs::path llama = kModels / "llama";
  const auto refused = [](const auto& call, const char* message) {
    CAPTURE(message);
    CHECK_THROWS_WITH_AS(call(), doctest::Contains(message), Error);
  };
  refused([&] { delta_diff(llama, kModels / "gpt2", dir / "d"); }, "is a llama model");
  refused([&] { delta_diff(llama, kModels / "llama-tied", dir / "d"); }, "untied, in");
  refused([&] { delta_diff(llama, kModels / "llama-bias", dir / "d"); },
          "\"model.layers.0.self_attn.q_proj.bias\" is no parameter of");
  refused([&] { delta_diff(llama, kModels / "llama-llama3-rope", dir / "d"); }, "has the shape");
  CHECK_FALSE(fs::exists(dir / "d"));
  write_file(dir / "d", "mine");
  refused([&] { delta_diff(llama, llama, dir / "d"); }, "d exists; --overwrite replaces it");
  delta_diff(llama, llama, dir / "d", true);
  CHECK(delta_norms(dir / "d").empty());

  std::vector<model::SafetensorsEntry> entries = {{"model.norm.weight", "F32", {3}}};
  const auto write = [&] { write_file(dir / "d", model::safetensors_header(entries, {}) + std::string(12, '\0')); };
  write();
  refused([&] { delta_apply(llama, dir / "d", 1, dir / "out"); }, "has the shape [3], but [32] in");
  entries[0].name = "model.nom.weight";
  write();
  refused([&] { delta_apply(llama, dir / "d", 1, dir / "out"); }, "\"model.nom.weight\" is not in");
  entries[0] = {"model.norm.weight", "F16", {6}};
  write();
  refused([&] { delta_apply(llama, dir / "d", 1, dir / "out"); }, "a delta is F32");
  refused([&] { delta_apply(llama, dir / "none", 1, dir / "out"); }, "no such file");
  refused([&] { delta_apply(llama, kModels / "gpt2", 1, dir / "out"); }, "expected a delta or a PEFT adapter");
  refused([&] { delta_apply(llama, dir / "d", NAN, dir / "out"); }, "the scale is nan");
  refused([&] { delta_apply(llama, dir / "d", 1, dir.path()); },
          "exists; --overwrite replaces the model or world in it");
  refused([&] { delta_diff(llama, llama, dir.path(), true); }, "is a directory, a file is expected");
  CHECK_FALSE(fs::exists(dir / "out"));
}
