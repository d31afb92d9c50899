#include "lethe/model/adapter.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <map>

#include "lethe/base/error.h"
#include "lethe/base/random.h"
#include "lethe/model/lora.h"
#include "lethe/model/model_testing.h"
#include "lethe/model/safetensors.h"
#include "tests/temp_dir.h"

using namespace lethe;
using namespace lethe::model;
using testing::kModels;

namespace {

ModelConfig config_of(const std::string& name) {
  return read_config(read_json(kModels / name / "config.json"), "config.json");
}

std::map<std::string, std::string> tensors_in(const fs::path& file) {
  const MappedFile map(file);
  std::map<std::string, std::string> out;
  for (const SafetensorsEntry& entry : read_safetensors_header(map.bytes(), file.string()).entries)
    out[entry.name + shape_text(entry.shape)] =
        std::string(reinterpret_cast<const char*>(map.bytes().data()) + entry.begin, entry.bytes);
  return out;
}

std::vector<float> random_values(int64_t n, Random& random) {
  std::vector<float> out(static_cast<size_t>(n));
  for (float& x : out) x = static_cast<float>(random.normal());
  return out;
}

}  // namespace

TEST_CASE("PEFT's adapters are read, and written as PEFT writes them") {
  struct {
    const char *model, *adapter;
    std::vector<std::string> targets;
    size_t count;
  } const cases[] = {
      {"llama", "lora-qv", {"q_proj", "v_proj"}, 4},
      {"llama", "lora-all", {"down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"}, 14},
      {"llama", "lora-embedding", {"embed_tokens", "q_proj"}, 3},
      {"llama", "lora-head", {"lm_head", "v_proj"}, 3},
      {"gpt2-gelu", "lora-head", {"c_attn", "lm_head"}, 3},
      {"gpt2", "lora-attn", {"c_attn"}, 2},
      {"gpt2", "lora-all", {"c_attn", "c_fc", "c_proj"}, 8}};
  for (const auto& c : cases) {
    CAPTURE(c.model);
    CAPTURE(c.adapter);
    const fs::path directory = kModels / c.model / c.adapter;
    const ModelConfig base = config_of(c.model);
    CHECK(is_adapter(directory));
    CHECK_FALSE(is_adapter(directory.parent_path()));
    const Adapter adapter = read_adapter(directory, base);
    CHECK(adapter.rank == 4);
    for (const LoraWeights& w : adapter.weights) CHECK(w.scale == 2);
    CHECK(adapter.weights.size() == c.count);
    CHECK(adapter.target_modules == c.targets);

    TempDir dir;
    write_adapter(dir / "out", adapter, base);
    auto expected = tensors_in(directory / "adapter_model.safetensors");
    std::erase_if(expected, [](const auto& item) { return item.first.find(".base_layer.") != std::string::npos; });
    CHECK(tensors_in(dir / "out" / "adapter_model.safetensors") == expected);
    const Json ours = read_json(dir / "out" / "adapter_config.json"),
               peft = read_json(directory / "adapter_config.json");
    for (const auto& item : ours.items()) {
      const std::string& key = item.key();
      const auto& value = item.value();
      CAPTURE(key);
      if (key != "base_model_name_or_path") CHECK(value == peft.at(key));
    }
    CHECK_THROWS_WITH_AS(write_adapter(dir / "out", adapter, base), doctest::Contains("nothing is overwritten"), Error);
    write_adapter(dir / "out", adapter, base, true);
    CHECK(read_adapter(dir / "out", base).weights.back().b == adapter.weights.back().b);
  }
}

TEST_CASE("modules of which only some are adapted are named in full; rank-stabilised scale; a regex as target") {
  const ModelConfig base = config_of("gpt2");
  Adapter adapter = read_adapter(kModels / "gpt2" / "lora-all", base);
  std::erase_if(adapter.weights, [](const LoraWeights& w) { return w.module.find("mlp.c_proj") != std::string::npos; });
  adapter.rank_stabilised = true;
  for (LoraWeights& w : adapter.weights) w.scale = adapter.scale_of(w.rank, adapter.alpha);
  adapter.base_model = "../base";
  TempDir dir;
  write_adapter(dir / "out", adapter, base);
  Json json = read_json(dir / "out" / "adapter_config.json");
  CHECK(json["target_modules"] ==
        Json({"c_attn", "c_fc", "transformer.h.0.attn.c_proj", "transformer.h.1.attn.c_proj"}));
  json["target_modules"] = ".*attn\\.c_(attn|proj)|.*c_fc";
  write_file(dir / "out" / "adapter_config.json", json.dump());
  const Adapter back = read_adapter(dir / "out", base);
  for (const LoraWeights& w : back.weights) CHECK(w.scale == 8 / std::sqrt(4.));

  CHECK(back.base_model == "../base");
  CHECK(back.weights.size() == 6);
}

TEST_CASE("a module with a rank and a scale of its own: rank_pattern and alpha_pattern") {
  const ModelConfig base = config_of("gpt2");
  Adapter adapter = read_adapter(kModels / "gpt2" / "lora-all", base);
  TempDir dir;
  adapter.weights[0].rank = 1;
  adapter.weights[0].a.resize(static_cast<size_t>(adapter.weights[0].in));
  adapter.weights[0].b.resize(static_cast<size_t>(adapter.weights[0].out));
  for (LoraWeights& w : adapter.weights) w.scale = 2;
  write_adapter(dir / "out", adapter, base);
  const Adapter mixed = read_adapter(dir / "out", base);
  CHECK(mixed.weights[0].rank == 1);
  CHECK(mixed.weights[1].rank == 4);
  for (const LoraWeights& w : mixed.weights) CHECK(w.scale == 2);
  CHECK(mixed.weights[0].a == adapter.weights[0].a);
  const Json json = read_json(dir / "out" / "adapter_config.json");
  CHECK(json["rank_pattern"] == Json({{adapter.weights[0].module, 1}}));
  CHECK(json["alpha_pattern"] == Json({{adapter.weights[0].module, 2}}));
  Json other = json;
  other["rank_pattern"] = {{".*c_fc", 2}};
  write_file(dir / "out" / "adapter_config.json", other.dump());
  CHECK_THROWS_WITH_AS(read_adapter(dir / "out", base), doctest::Contains("regular expression"), Error);
  other["rank_pattern"] = {{"c_fc", -1}};
  write_file(dir / "out" / "adapter_config.json", other.dump());
  CHECK_THROWS_WITH_AS(read_adapter(dir / "out", base), doctest::Contains("expected a positive number"), Error);
}

TEST_CASE("W + factor B A in the layout of each kind of weight, whole and by rows") {
  Random random(5, "lora");
  const int64_t in = 37, out = 23, rank = 3;
  for (const bool in_out : {false, true}) {
    const LoraWeights lora{
        "m", false, in_out, in, out, rank, 1, random_values(rank * in, random), random_values(out * rank, random)};
    const std::vector<float> before = random_values(in * out, random);
    std::vector<float> after = before, by_rows = before;
    add_product(lora, -0.3, after.data());
    const int64_t rows = in_out ? in : out, cols = in_out ? out : in;
    for (int64_t first = 0; first < rows; first += 5)
      add_product_rows(lora, -0.3, first, std::min<int64_t>(5, rows - first), by_rows.data() + first * cols);
    double worst = 0;
    for (int64_t o = 0; o < out; ++o) {
      for (int64_t i = 0; i < in; ++i) {
        double sum = 0;
        for (int64_t r = 0; r < rank; ++r)
          sum +=
              static_cast<double>(lora.b[static_cast<size_t>(o * rank + r)]) * lora.a[static_cast<size_t>(r * in + i)];
        const size_t at = static_cast<size_t>(in_out ? i * out + o : o * in + i);
        const double expected = before[at] - 0.3 * sum;
        worst = std::max({worst, std::abs(after[at] - expected), std::abs(by_rows[at] - expected)});
      }
    }
    CHECK(worst < 1e-6);
  }
}

TEST_CASE("targets by name, all of them, and what a family's usual ones are") {
  const auto modules = [](const ModelConfig& config, const std::vector<std::string>& targets) {
    std::string names;
    for (const AdaptableModule& module : lora_modules(config, targets)) names += module.name + " ";
    return names;
  };
  const ModelConfig llama = config_of("llama"), gpt2 = config_of("gpt2");
  CHECK(modules(llama, {}) == modules(llama, {"q_proj", "v_proj"}));
  CHECK(modules(gpt2, {}) == "transformer.h.0.attn.c_attn transformer.h.1.attn.c_attn ");
  CHECK(modules(llama, {"lm_head", "embed_tokens"}) == "model.embed_tokens lm_head ");
  CHECK(modules(llama, {"layers.1.mlp.up_proj"}) == "model.layers.1.mlp.up_proj ");
  CHECK(lora_modules(llama, {"all-linear"}).size() == 14);
  CHECK_THROWS_WITH_AS(modules(llama, {"q_proj", "proj"}), doctest::Contains("target proj is no module"), Error);
  CHECK_THROWS_WITH_AS(modules(gpt2, {"lm_head"}),
                       doctest::Contains("target lm_head: the head of this gpt2 model is its embedding"), Error);
}

TEST_CASE("adapters that cannot be used are refused with the reason") {
  const ModelConfig base = config_of("llama");
  TempDir dir;
  const fs::path source = kModels / "llama" / "lora-qv";
  for (const char* name : {"adapter_config.json", "adapter_model.safetensors"}) fs::copy(source / name, dir / name);
  const Json config = read_json(source / "adapter_config.json");
  const auto with = [&](const char* changes, const char* message) {
    Json changed = config;
    changed.merge_patch(Json::parse(changes));
    write_file(dir / "adapter_config.json", changed.dump());
    CAPTURE(changes);
    CHECK_THROWS_WITH_AS(read_adapter(dir.path(), base), doctest::Contains(message), Error);
  };
  with(R"({"peft_type":"IA3"})", "\"IA3\", only LORA");
  with(R"({"use_dora":true})", "\"use_dora\" is true");
  with(R"({"bias":"all"})", "\"bias\" is \"all\"");
  with(R"({"modules_to_save":["lm_head"]})", "modules_to_save");
  with(R"({"rank_pattern":{"q_proj":2}})", "expected [2, 32]");
  with(R"({"alpha_pattern":[2]})", "expected an object");
  with(R"({"r":0})", "\"r\" is 0");
  with(R"({"r":8})", "has the shape [4, 32], expected [8, 32]");
  with(R"({"lora_alpha":null})", "\"lora_alpha\" is missing");
  write_file(dir / "adapter_config.json", config.dump());

  CHECK_THROWS_WITH_AS(read_adapter(dir.path(), config_of("gpt2")), doctest::Contains("no linear layer"), Error);
  ModelConfig wider = base;
  wider.hidden_size = 64;
  CHECK_THROWS_WITH_AS(read_adapter(dir.path(), wider), doctest::Contains("expected [4, 64]"), Error);
  ModelConfig tied = base;
  tied.tied_embeddings = true;
  CHECK_THROWS_WITH_AS(read_adapter(kModels / "llama" / "lora-head", tied),
                       doctest::Contains("lm_head: the head of this llama model is its embedding"), Error);

  const std::string weights = read_file(source / "adapter_model.safetensors");
  const auto with_entries = [&](std::vector<SafetensorsEntry> entries, const char* message) {
    const std::string header = safetensors_header(entries, {});
    const uint64_t size = entries.empty() ? header.size() : entries.back().begin + entries.back().bytes;
    write_file(dir / "adapter_model.safetensors", header + std::string(size - header.size(), '\0'));
    CAPTURE(message);
    CHECK_THROWS_WITH_AS(read_adapter(dir.path(), base), doctest::Contains(message), Error);
  };
  const std::string q = "base_model.model.model.layers.0.self_attn.q_proj.";
  with_entries({}, "holds no adapter weights");
  with_entries({{q + "lora_A.weight", "F32", {4, 32}}}, "has A only");
  with_entries({{q + "lora_A.weight", "I32", {4, 32}}, {q + "lora_B.weight", "I32", {32, 4}}}, "dtype I32");
  with_entries({{q + "lora_magnitude_vector", "F32", {32}}}, "is none of lora_A");
  with_entries({{q + "lora_embedding_A", "F32", {4, 32}}, {q + "lora_embedding_B", "F32", {32, 4}}},
               "is a linear layer");
  with_entries({{q + "lora_A.weight", "F32", {4, 32}}, {q.substr(17) + "lora_A.weight", "F32", {4, 32}}},
               "stored twice");
  for (size_t size = 0; size < weights.size(); size += 31) {
    write_file(dir / "adapter_model.safetensors", weights.substr(0, size));
    CHECK_THROWS_AS(read_adapter(dir.path(), base), Error);
  }
  fs::remove(dir / "adapter_model.safetensors");
  CHECK_THROWS_WITH_AS(read_adapter(dir.path(), base), doctest::Contains("no adapter_model.safetensors"), Error);
  write_file(dir / "adapter_model.bin", "x");
  CHECK_THROWS_WITH_AS(read_adapter(dir.path(), base), doctest::Contains("save it as safetensors"), Error);
}

TEST_CASE("which weights lie [in, out]") {
  const auto in_out = [](const char* model) {
    std::map<std::string, bool> by_name;
    for (const AdaptableModule& module : adaptable_modules(config_of(model))) by_name[module.name] = module.in_out;
    return by_name;
  };
  auto gpt2 = in_out("gpt2"), llama = in_out("llama");
  CHECK(gpt2.at("transformer.wte"));
  CHECK(gpt2.at("transformer.h.0.attn.c_attn"));
  CHECK(gpt2.at("transformer.h.1.mlp.c_proj"));
  CHECK(llama.at("model.embed_tokens"));
  CHECK_FALSE(llama.at("model.layers.0.self_attn.q_proj"));
  CHECK_FALSE(llama.at("lm_head"));
}
