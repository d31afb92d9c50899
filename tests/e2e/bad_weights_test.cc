// Models whose files are cut short, lie or do not fit together: every command that reads one says what is wrong and
// where, writes nothing and leaves the model as it was.
#include <doctest/doctest.h>

#include <cstring>
#include <functional>

#include "tests/e2e/bad_input.h"

namespace {

namespace fs = lethe::fs;
using lethe::Json;

// The model is refused by all that read one; the message names its file.
void check_refused(const TempDir& dir, const fs::path& model, std::vector<std::string> parts) {
  parts.push_back(model.string());
  const fs::path facts = write_facts(dir), out = dir / "out";
  const auto before = bytes_below(model);
  check_fails(1, {"evaluate", model.string(), facts.string()}, parts);
  check_fails(1, {"convert", model.string(), "--out", out.string()}, parts);
  check_fails(1, {"update", model.string(), facts.string(), "--out", out.string()}, parts);
  CHECK_FALSE(fs::exists(out));
  CHECK(bytes_below(model) == before);
}

std::string number_bytes(uint64_t value, size_t size) {
  std::string bytes(size, '\0');
  std::memcpy(bytes.data(), &value, size);
  return bytes;
}

// Rewrites the header of a safetensors file; its length follows.
void edit_header(const fs::path& file, const std::function<void(Json& header)>& edit) {
  const std::string bytes = lethe::read_file(file);
  uint64_t length;
  std::memcpy(&length, bytes.data(), 8);
  Json header = lethe::parse_json(bytes.substr(8, length), "header");
  edit(header);
  const std::string text = header.dump();
  lethe::write_file(file, number_bytes(text.size(), 8) + text + bytes.substr(8 + length));
}

void edit_json(const fs::path& file, const std::function<void(Json& json)>& edit) {
  Json json = lethe::read_json(file);
  edit(json);
  lethe::write_file(file, json.dump());
}

const char* const kNorm = "model.norm.weight";
const char* const kEmbedding = "model.embed_tokens.weight";

TEST_CASE("safetensors: cut short") {
  for (const size_t size : {0, 4, 8, 100, 2000, 100000}) {
    CAPTURE(size);
    const TempDir dir;
    const fs::path model = copy_model(dir);
    cut_file(model / "model.safetensors", size);
    check_refused(dir, model, {"model.safetensors", size < 8 ? "too short" : size > 2000 ? "cut short" : "header"});
  }
}

TEST_CASE("safetensors: a header that lies") {
  struct Case {
    const char* what;
    std::function<void(Json& header)> edit;
    std::vector<std::string> parts;
  };
  const std::vector<Case> cases = {
      {"two tensors in one place",
       [](Json& h) {
         h[kNorm]["data_offsets"] = {0, 128};
       },
       {"overlap", kNorm}},
      {"a place before the data",
       [](Json& h) {
         h[kNorm]["data_offsets"] = {-128, 0};
       },
       {kNorm, "-128"}},
      {"a place behind the file",
       [](Json& h) {
         h[kNorm]["data_offsets"] = {99999872, 100000000};
       },
       {kNorm, "99999872"}},
      {"an end before its beginning",
       [](Json& h) {
         h[kNorm]["data_offsets"] = {256, 128};
       },
       {kNorm, "256"}},
      {"offsets that overflow",
       [](Json& h) {
         h[kNorm]["data_offsets"] = {18446744073709551488u, 18446744073709551615u};
       },
       {kNorm}},
      {"one offset", [](Json& h) { h[kNorm]["data_offsets"] = {0}; }, {kNorm, "data_offsets", "two numbers"}},
      {"no offsets", [](Json& h) { h[kNorm].erase("data_offsets"); }, {kNorm, "data_offsets"}},
      {"no shape", [](Json& h) { h[kNorm].erase("shape"); }, {kNorm, "shape"}},
      {"a shape that overflows",
       [](Json& h) {
         h[kNorm]["shape"] = {4294967296, 4294967296, 4294967296};
       },
       {kNorm, "4294967296"}},
      {"a shape below zero", [](Json& h) { h[kNorm]["shape"] = {-32}; }, {kNorm, "-32"}},
      {"a shape of texts", [](Json& h) { h[kNorm]["shape"] = {"32"}; }, {kNorm, "\"32\""}},
      {"more values than bytes", [](Json& h) { h[kNorm]["shape"] = {64}; }, {kNorm, "128 bytes", "256"}},
      {"an unknown dtype", [](Json& h) { h[kNorm]["dtype"] = "F33"; }, {kNorm, "F33"}},
      {"a dtype that is no text", [](Json& h) { h[kNorm]["dtype"] = 32; }, {kNorm, "dtype", "32"}},
      {"integers where weights are due",
       [](Json& h) { h[kNorm]["dtype"] = "I32"; },
       {kNorm, "I32", "expected F32, F16 or BF16"}},
      {"a tensor that is a number", [](Json& h) { h[kNorm] = 1; }, {kNorm}},
      {"a tensor less",
       [](Json& h) {
         h["other"] = h[kNorm];
         h.erase(kNorm);
       },
       {kNorm, "missing", "config.json"}},
      {"a shape other than config.json's",
       [](Json& h) {
         h[kEmbedding]["shape"] = {144, 64};
       },
       {kEmbedding, "[144, 64]", "[288, 32]", "config.json"}},
      {"metadata that is a list", [](Json& h) { h["__metadata__"] = Json::array(); }, {"__metadata__"}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    const TempDir dir;
    const fs::path model = copy_model(dir);
    edit_header(model / "model.safetensors", c.edit);
    check_refused(dir, model, c.parts);
  }
}

TEST_CASE("safetensors: a header that is no JSON, too long, or of another file") {
  const auto broken = [](const std::function<void(const fs::path&)>& breaks, const std::vector<std::string>& parts) {
    const TempDir dir;
    const fs::path model = copy_model(dir);
    breaks(model / "model.safetensors");
    check_refused(dir, model, parts);
  };
  broken([](const fs::path& file) { patch_file(file, 8, "}"); }, {"model.safetensors"});
  broken([](const fs::path& file) { patch_file(file, 30, "\""); }, {"model.safetensors"});
  broken([](const fs::path& file) { patch_file(file, 30, std::string("\xFF\xFE", 2)); }, {"model.safetensors"});
  broken([](const fs::path& file) { patch_file(file, 0, number_bytes(~uint64_t{0}, 8)); },
         {"model.safetensors", "18446744073709551615"});
  broken([](const fs::path& file) { patch_file(file, 0, number_bytes(7, 8)); }, {"model.safetensors"});
  broken([](const fs::path& file) { lethe::write_file(file, "version https://git-lfs.github.com/spec/v1\n"); },
         {"model.safetensors"});
  broken(
      [](const fs::path& file) {
        const std::string nested = std::string(100000, '[');
        lethe::write_file(file, number_bytes(nested.size() + 5, 8) + "{\"a\":" + nested);
      },
      {"model.safetensors"});
  broken(
      [](const fs::path& file) {
        fs::remove(file);
        fs::create_directory(file);
      },
      {"model.safetensors"});
}

TEST_CASE("GGUF: cut short at every part") {
  for (const size_t size : {0, 3, 4, 10, 24, 60, 400, 3000, 5000, 6000, 105000}) {
    CAPTURE(size);
    const TempDir dir;
    const fs::path model = copy_gguf(dir);
    cut_file(model, size);
    check_refused(dir, model, {size < 4 ? "GGUF" : "cut short"});
  }
}

TEST_CASE("GGUF: a header that lies") {
  const std::string bytes = lethe::read_file(golden("gguf/llama-tied/model.gguf"));
  // What follows the name of a tensor: dimensions (4), extents (8 each), type (4), offset (8).
  const auto behind = [&](const std::string& name) { return static_cast<int64_t>(bytes.find(name) + name.size()); };
  const int64_t norm = behind("output_norm.weight"), embedding = behind("token_embd.weight");
  const int64_t heads = behind("llama.attention.head_count") + 4, type = behind("llama.block_count");
  struct Case {
    const char* what;
    int64_t offset;
    std::string bytes;
    std::vector<std::string> parts;
  };
  const std::string huge = number_bytes(~uint64_t{0}, 8);
  const std::vector<Case> cases = {
      {"the magic", 0, "GGML", {"GGUF"}},
      {"the version", 4, number_bytes(99, 4), {"version 99", "2 and 3"}},
      {"big endian", 4, std::string("\0\0\0\3", 4), {"big endian"}},
      {"the number of tensors", 8, huge, {"cut short"}},
      {"the number of fields", 16, huge, {"field"}},
      {"the length of a name", 24, huge, {"18446744073709551615"}},
      {"a name that is no UTF-8", 32, "\xFF", {"UTF-8"}},
      {"the type of a field", type, number_bytes(77, 4), {"77"}},
      {"no heads", heads, number_bytes(0, 4), {"llama.attention.head_count", "0"}},
      {"too many heads", heads, number_bytes(0xFFFFFFFF, 4), {"the head's size 0"}},
      {"the dimensions of a tensor", norm, number_bytes(9, 4), {"output_norm.weight", "9 dimensions"}},
      {"an extent that overflows", norm + 4, huge, {"output_norm.weight", "18446744073709551615"}},
      {"an extent other than the metadata's", embedding + 4, number_bytes(16, 8), {"model.embed_tokens.weight"}},
      {"the type of a tensor", norm + 12, number_bytes(9999, 4), {"output_norm.weight", "9999", "Q4_K"}},
      {"a place behind the file", norm + 16, number_bytes(1 << 30, 8), {"output_norm.weight", "1073741824"}},
      {"a place that overflows", norm + 16, number_bytes(~uint64_t{31}, 8), {"output_norm.weight"}},
      {"a place out of step", norm + 16, number_bytes(3, 8), {"output_norm.weight", "multiple of 32"}},
      {"a place of another tensor", norm + 16, number_bytes(0, 8), {"overlap", "output_norm.weight"}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    const TempDir dir;
    const fs::path model = copy_gguf(dir);
    patch_file(model, c.offset, c.bytes);
    check_refused(dir, model, c.parts);
  }
}

TEST_CASE("shards: missing, twice, in the wrong file, with a broken index") {
  const auto broken = [](const std::function<void(const fs::path&)>& breaks, const std::vector<std::string>& parts) {
    const TempDir dir;
    const fs::path model = dir / "sharded";
    fs::copy(golden("models/llama-sharded"), model);
    fs::copy(copy_model(dir) / "tokenizer.json", model);
    breaks(model);
    check_refused(dir, model, parts);
  };
  const char *const first = "model-00001-of-00003.safetensors", *const second = "model-00002-of-00003.safetensors",
                    *const third = "model-00003-of-00003.safetensors", *const index = "model.safetensors.index.json";
  const auto map = [&](const fs::path& m, const std::function<void(Json&)>& edit) {
    edit_json(m / index, [&](Json& json) { edit(json["weight_map"]); });
  };
  broken([&](const fs::path& m) { fs::remove(m / second); }, {"missing shards", second});
  broken(
      [&](const fs::path& m) {
        fs::remove(m / first);
        fs::remove(m / third);
      },
      {first, third});
  broken([&](const fs::path& m) { fs::copy_file(m / first, m / second, fs::copy_options::overwrite_existing); },
         {"stored twice", first, second});
  broken([&](const fs::path& m) { map(m, [&](Json& w) { w[kNorm] = first; }); }, {index, kNorm, first});
  broken([&](const fs::path& m) { map(m, [&](Json& w) { w[kNorm] = "../" + std::string(first); }); }, {index, kNorm});
  broken([&](const fs::path& m) { map(m, [&](Json& w) { w[kNorm] = 3; }); }, {index, kNorm, "3"});
  broken([&](const fs::path& m) { map(m, [&](Json& w) { w = Json::object(); }); }, {index, "weight_map"});
  broken([&](const fs::path& m) { lethe::write_file(m / index, "{}"); }, {index, "weight_map"});
  broken([&](const fs::path& m) { lethe::write_file(m / index, ""); }, {index});
  broken([&](const fs::path& m) { cut_file(m / index, 700); }, {index, "line"});
  broken([&](const fs::path& m) { fs::remove(m / index); }, {"no model.safetensors", index});
}

TEST_CASE("config.json: what is missing, unknown, out of range or broken") {
  struct Case {
    const char* what;
    std::function<void(Json& config)> edit;
    std::vector<std::string> parts;
  };
  const std::vector<Case> cases = {
      {"an unknown family", [](Json& c) { c["model_type"] = "mamba"; }, {"mamba", "gpt2", "llama"}},
      {"no family", [](Json& c) { c.erase("model_type"); }, {"model_type"}},
      {"no width", [](Json& c) { c.erase("hidden_size"); }, {"hidden_size"}},
      {"a width in words", [](Json& c) { c["hidden_size"] = "wide"; }, {"hidden_size", "wide"}},
      {"no layers", [](Json& c) { c["num_hidden_layers"] = 0; }, {"layers", "0"}},
      {"half a layer", [](Json& c) { c["num_hidden_layers"] = 1.5; }, {"num_hidden_layers", "1.5"}},
      {"more layers than weights", [](Json& c) { c["num_hidden_layers"] = 3; }, {"model.layers.2", "missing"}},
      {"no heads", [](Json& c) { c["num_attention_heads"] = 0; }, {"num_attention_heads", "0"}},
      {"more key than query heads", [](Json& c) { c["num_key_value_heads"] = 3; }, {"key/value heads", "3"}},
      {"an odd head", [](Json& c) { c["head_dim"] = 15; }, {"15", "even"}},
      {"sizes that overflow", [](Json& c) { c["hidden_size"] = 9223372036854775807; }, {"9223372036854775807"}},
      {"a vocabulary below zero", [](Json& c) { c["vocab_size"] = -288; }, {"vocabulary", "-288"}},
      {"another vocabulary", [](Json& c) { c["vocab_size"] = 300; }, {kEmbedding, "[288, 32]", "[300, 32]"}},
      {"no positions", [](Json& c) { c["max_position_embeddings"] = 0; }, {"positions", "0"}},
      {"an unknown activation", [](Json& c) { c["hidden_act"] = "relu"; }, {"hidden_act", "relu", "silu"}},
      {"an unknown scaling",
       [](Json& c) {
         c["rope_scaling"] = {{"rope_type", "yarn"}};
       },
       {"yarn", "llama3"}},
      {"a scaling without its factor",
       [](Json& c) {
         c["rope_scaling"] = {{"rope_type", "linear"}};
       },
       {"rope_scaling", "factor"}},
      {"quantised weights",
       [](Json& c) {
         c["quantization_config"] = {{"bits", 4}};
       },
       {"quantization_config"}},
      {"ids that are words", [](Json& c) { c["eos_token_id"] = "</s>"; }, {"eos_token_id", "</s>"}},
      {"a list", [](Json& c) { c = Json::array(); }, {"model_type"}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    const TempDir dir;
    const fs::path model = copy_model(dir);
    edit_json(model / "config.json", c.edit);
    std::vector<std::string> parts = c.parts;
    parts.emplace_back("config.json");
    check_refused(dir, model, parts);
  }
  for (const size_t size : {0, 1, 200}) {
    CAPTURE(size);
    const TempDir dir;
    const fs::path model = copy_model(dir);
    cut_file(model / "config.json", size);
    check_refused(dir, model, {"config.json"});
  }
}

TEST_CASE("a model directory that lacks a part") {
  const TempDir dir;
  const fs::path facts = write_facts(dir);
  const auto without = [&](const char* name, const std::vector<std::string>& parts) {
    const TempDir other;
    const fs::path model = copy_model(other);
    fs::remove(model / name);
    check_refused(other, model, parts);
  };
  without("config.json", {"no config.json"});
  without("model.safetensors", {"no model.safetensors"});
  check_fails(1, {"evaluate", "no/such/model", facts.string()}, {"no/such/model", "no such file"});

  // Without a tokenizer text cannot be read, but a model can still be converted.
  const fs::path model = copy_model(dir), out = dir / "out";
  fs::remove(model / "tokenizer.json");
  check_fails(1, {"evaluate", model.string(), facts.string()}, {model.string(), "tokenizer.json"});
  check_fails(1, {"update", model.string(), facts.string(), "--out", out.string()}, {"tokenizer.json"});
  CHECK_FALSE(fs::exists(out));
  check_works({"convert", model.string(), "--out", out.string()});
}

TEST_CASE("a tokenizer that knows more ids than the model, or is broken") {
  const TempDir dir;
  const fs::path model = copy_model(dir), facts = write_facts(dir), out = dir / "out";
  const std::string path = model.string(), whole = lethe::read_file(model / "tokenizer.json");
  const std::string data = (dir / "data.jsonl").string();
  lethe::write_file(data, "{\"text\": \"a cat\"}\n");
  const auto refused = [&](const std::vector<std::string>& parts) {
    const auto before = bytes_below(model);
    check_fails(1, {"evaluate", path, facts.string()}, parts);
    check_fails(1, {"update", path, facts.string(), "--out", out.string()}, parts);
    check_fails(1, {"finetune", path, data, "--out", out.string()}, parts);
    check_fails(1, {"generate", path, "--prompt", "The cat"}, parts);
    CHECK_FALSE(fs::exists(out));
    CHECK(bytes_below(model) == before);
  };
  edit_json(model / "tokenizer.json", [](Json& json) { json["model"]["vocab"]["beyond"] = 288; });
  refused({path, "288", "287"});
  lethe::write_file(model / "tokenizer.json", whole.substr(0, whole.size() / 2));
  refused({path, "tokenizer.json"});
  lethe::write_file(model / "tokenizer.json", "");
  refused({path, "tokenizer.json"});
  lethe::write_file(model / "tokenizer.json", "{\"model\": {\"type\": \"Unheard\"}}");
  refused({path, "tokenizer.json", "Unheard"});
}

TEST_CASE("adapters: broken, of another model, or without weights") {
  const TempDir dir;
  const fs::path adapter = dir / "adapter", out = dir / "out";
  const std::string base = golden("models/llama");
  const auto refused = [&](const std::function<void()>& breaks, std::vector<std::string> parts) {
    fs::remove_all(adapter);
    fs::copy(golden("models/llama/lora-qv"), adapter);
    breaks();
    parts.push_back(adapter.string());
    check_fails(1, {"convert", adapter.string(), "--base-model", base, "--out", out.string()}, parts);
    check_fails(1, {"generate", adapter.string(), "--base-model", base, "--prompt-ids", "1"}, parts);
    CHECK_FALSE(fs::exists(out));
  };
  const fs::path config = adapter / "adapter_config.json", weights = adapter / "adapter_model.safetensors";
  refused([&] { cut_file(weights, 2000); }, {"adapter_model.safetensors"});
  refused([&] { cut_file(weights, 0); }, {"adapter_model.safetensors"});
  refused([&] { fs::remove(weights); }, {"adapter_model.safetensors"});
  refused([&] { cut_file(config, 30); }, {"adapter_config.json"});
  refused([&] { edit_json(config, [](Json& c) { c["peft_type"] = "IA3"; }); }, {"adapter_config.json", "IA3", "LORA"});
  refused([&] { edit_json(config, [](Json& c) { c["use_dora"] = true; }); }, {"use_dora"});
  refused([&] { edit_json(config, [](Json& c) { c.erase("lora_alpha"); }); }, {"lora_alpha"});
  refused([&] { edit_json(config, [](Json& c) { c["r"] = 3; }); }, {"shape", "3"});
  refused(
      [&] {
        edit_header(weights, [](Json& h) {
          h.erase(h.find("__metadata__"));
          h["x"] = h.begin().value();
          h.erase(h.begin());
        });
      },
      {"\"x\""});
  const std::string other = copy_model(dir, "gpt2").string();
  fs::remove_all(adapter);
  fs::copy(golden("models/llama/lora-qv"), adapter);
  check_fails(1, {"convert", adapter.string(), "--base-model", other, "--out", out.string()},
              {adapter.string(), "q_proj", "base model (gpt2"});
  check_fails(1, {"update", adapter.string(), write_facts(dir).string(), "--out", out.string()},
              {adapter.string(), "adapter", "convert"});
  CHECK_FALSE(fs::exists(out));
}

}  // namespace
