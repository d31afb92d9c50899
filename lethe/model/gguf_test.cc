#include "lethe/model/gguf.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "lethe/base/error.h"
#include "lethe/base/random.h"
#include "lethe/model/families.h"
#include "lethe/model/model_testing.h"
#include "tests/temp_dir.h"

using namespace lethe;
using namespace lethe::model;
using testing::kGolden;
using testing::tensor_values;

namespace {

template <typename T>
std::string raw(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}
std::string text(const std::string& s) { return raw<uint64_t>(s.size()) + s; }
std::string head(uint64_t tensors, uint64_t fields, uint32_t version = 3) {
  return "GGUF" + raw(version) + raw(tensors) + raw(fields);
}
std::string field(const std::string& key, uint32_t type, const std::string& value) {
  return text(key) + raw(type) + value;
}
std::string tensor_info(const std::string& name, std::vector<uint64_t> extents, uint32_t type, uint64_t offset) {
  std::string out = text(name) + raw(static_cast<uint32_t>(extents.size()));
  for (uint64_t extent : extents) out += raw(extent);
  return out + raw(type) + raw(offset);
}
std::string with_data(std::string header, size_t bytes, size_t alignment = 32) {
  header.resize((header.size() + alignment - 1) / alignment * alignment, '\0');
  return header + std::string(bytes, '\0');
}
Gguf parse_gguf(const std::string& file) { return read_gguf(std::as_bytes(std::span(file)), "m.gguf"); }

}  // namespace

TEST_CASE("every type of field, nested arrays, both versions, another alignment") {
  const std::string fields =
      field("u8", 0, raw<uint8_t>(200)) + field("i8", 1, raw<int8_t>(-3)) + field("u16", 2, raw<uint16_t>(60000)) +
      field("i16", 3, raw<int16_t>(-5)) + field("u32", 4, raw<uint32_t>(7)) + field("i32", 5, raw<int32_t>(-8)) +
      field("f32", 6, raw(1e-5f)) + field("yes", 7, raw<uint8_t>(1)) + field("s", 8, text("é")) +
      field("u64", 10, raw<uint64_t>(1ull << 40)) + field("i64", 11, raw<int64_t>(-9)) + field("f64", 12, raw(0.1)) +
      field("a", 9,
            raw<uint32_t>(9) + raw<uint64_t>(2) + raw<uint32_t>(4) + raw<uint64_t>(2) + raw<uint32_t>(1) +
                raw<uint32_t>(2) + raw<uint32_t>(8) + raw<uint64_t>(1) + text("x")) +
      field("general.alignment", 4, raw<uint32_t>(64));
  for (const uint32_t version : {2u, 3u}) {
    const Gguf gguf =
        parse_gguf(with_data(head(1, 14, version) + fields + tensor_info("t", {64, 2}, 3, 64), 64 + 80, 64));
    CHECK(gguf.version == version);
    CHECK(gguf.metadata ==
          Json::parse(R"({"u8":200,"i8":-3,"u16":60000,"i16":-5,"u32":7,"i32":-8,"f32":1e-05,"yes":true,"s":"é",
                          "u64":1099511627776,"i64":-9,"f64":0.1,"a":[[1,2],["x"]],"general.alignment":64})"));
    REQUIRE(gguf.tensors.size() == 1);
    CHECK(gguf.tensors[0].shape == std::vector<int64_t>{2, 64});
    CHECK(gguf.tensors[0].bytes == 80);
    CHECK(gguf.tensors[0].begin % 64 == 0);
  }
}

TEST_CASE("lying headers are refused") {
  const auto wrong = [](const std::string& file, const char* message) {
    CAPTURE(message);
    CHECK_THROWS_WITH_AS(parse_gguf(file), doctest::Contains(message), Error);
  };
  wrong("", "no GGUF file");
  wrong("GGUX" + std::string(40, '\0'), "no GGUF file");
  wrong("GGUF", "cut short");
  wrong(head(0, 0, 1), "version 1 of GGUF, read are 2 and 3");
  wrong(head(0, 0, 0x03000000), "big endian");
  wrong(head(0, 1), "cut short");
  wrong(head(UINT64_MAX, 0), "cut short");
  wrong(head(0, 1) + raw<uint64_t>(UINT64_MAX) + "k", "cut short");
  wrong(head(0, 1) + field("k", 13, ""), "unknown type 13");
  wrong(head(0, 1) + field("k", 8, raw<uint64_t>(1) + "\xff"), "not UTF-8");
  wrong(head(0, 1) + field("k", 8, raw<uint64_t>(3) + "\xed\xa0\x80"), "not UTF-8");
  wrong(head(0, 1) + field("k", 9, raw<uint32_t>(0) + raw<uint64_t>(UINT64_MAX / 2)), "values, but the file has");
  wrong(head(0, 2) + field("k", 0, "x") + field("k", 0, "y"), "\"k\" stands twice");
  std::string nested;
  for (int i = 0; i < 9; ++i) nested += raw<uint32_t>(9) + raw<uint64_t>(1);
  wrong(head(0, 1) + field("k", 9, nested), "nested too deeply");
  wrong(with_data(head(0, 1) + field("general.alignment", 4, raw<uint32_t>(48)), 0), "general.alignment");

  wrong(with_data(head(1, 0) + tensor_info("t", {4}, 4, 0), 64), "has the type 4, read are F32");
  wrong(with_data(head(1, 0) + tensor_info("t", {}, 0, 0), 64), "0 dimensions");
  wrong(with_data(head(1, 0) + tensor_info("t", {1, 1, 1, 1, 1}, 0, 0), 64), "5 dimensions");
  wrong(with_data(head(1, 0) + tensor_info("t", {1ull << 63}, 0, 0), 64), "impossible extent");
  wrong(with_data(head(1, 0) + tensor_info("t", {1ull << 32, 1ull << 32}, 0, 0), 64), "impossible shape");
  wrong(with_data(head(1, 0) + tensor_info("t", {33}, 2, 0), 64), "blocks of 32");
  wrong(with_data(head(1, 0) + tensor_info("t", {8}, 0, 16), 64), "multiple of 32");
  wrong(with_data(head(1, 0) + tensor_info("t", {8}, 0, 64), 64), "cut short");
  wrong(with_data(head(1, 0) + tensor_info("t", {8}, 0, UINT64_MAX - 31), 64), "cut short");
  wrong(with_data(head(1, 0) + tensor_info("t", {17}, 0, 0), 64), "takes 68 bytes");
  wrong(with_data(head(2, 0) + tensor_info("t", {16}, 0, 0) + tensor_info("u", {8}, 0, 32), 64), "overlap");
  wrong(with_data(head(2, 0) + tensor_info("t", {8}, 0, 0) + tensor_info("t", {8}, 0, 32), 64), "listed twice");
}

TEST_CASE("models in GGUF are their Hugging Face twins to the bit") {
  for (const char* name : {"llama-tied", "gpt2"}) {
    CAPTURE(name);
    const ModelFiles gguf = ModelFiles::open(kGolden / "gguf" / name / "model.gguf");
    const ModelFiles twin = ModelFiles::open(kGolden / "models" / name);
    CHECK(gguf.is_gguf());
    CHECK(gguf.tensors().size() == twin.tensors().size());
    for (const ParameterSpec& spec : parameter_specs(twin.config())) {
      CAPTURE(spec.name);
      const std::vector<float> expected = tensor_values(twin, spec.name);
      CHECK(tensor_values(gguf, spec.name) == expected);
      const StoredTensor& tensor = *gguf.find(spec.name);
      std::vector<uint16_t> bf16(expected.size()), expected_bf16(expected.size());
      gguf.read_bf16(tensor, bf16.data());
      twin.read_bf16(*twin.find(spec.name), expected_bf16.data());
      CHECK(bf16 == expected_bf16);
      if (tensor.rows() < 4) continue;
      std::vector<float> part(static_cast<size_t>(2 * tensor.cols()));
      gguf.read_rows(tensor, 1, 2, part.data());
      CHECK(std::equal(part.begin(), part.end(), expected.begin() + tensor.cols()));
    }
    const ModelConfig a = gguf.config(), b = twin.config();
    CHECK(a.norm_epsilon == b.norm_epsilon);
    CHECK(a.rope.theta == b.rope.theta);
    CHECK(a.head_dim == b.head_dim);
    CHECK(a.max_positions == b.max_positions);
    CHECK(a.tied_embeddings == b.tied_embeddings);
    CHECK(a.eos_ids == std::vector<int64_t>{2});

    // Written as F32, for all its matrices are: the twin's own bytes.
    TempDir dir;
    write_model(gguf, dir / "out", nullptr);
    const ModelFiles written = ModelFiles::open(dir / "out");
    CHECK(written.config_json()["torch_dtype"] == "float32");
    CHECK(fs::exists(dir / "out" / "tokenizer.json"));
    CHECK(fs::exists(dir / "out" / "tokenizer_config.json"));
    CHECK(read_json(dir / "out" / "generation_config.json")["eos_token_id"] == 2);
    for (const ParameterSpec& spec : parameter_specs(twin.config()))
      CHECK(tensor_values(written, spec.name) == tensor_values(twin, spec.name));
  }
}

TEST_CASE("a quantised model becomes BF16, its dequantisation rounded once") {
  const ModelFiles gguf = ModelFiles::open(kGolden / "gguf" / "stories260K" / "model.gguf");
  CHECK(gguf.find("model.layers.0.self_attn.q_proj.weight")->dtype == "Q8_0");
  TempDir dir;
  write_model(gguf, dir / "out", nullptr);
  const ModelFiles written = ModelFiles::open(dir / "out");
  for (const StoredTensor& tensor : written.tensors()) {
    CHECK(tensor.dtype == "BF16");
    std::vector<uint16_t> expected(static_cast<size_t>(tensor.size()));
    gguf.read_bf16(*gguf.find(tensor.name), expected.data());
    CHECK(std::memcmp(expected.data(), written.bytes(tensor).data(), tensor.bytes) == 0);
  }
  CHECK(written.config_json()["torch_dtype"] == "bfloat16");
}

TEST_CASE("a GGUF file cut anywhere, or with bytes flipped in its header, is an error or a model, never a crash") {
  TempDir dir;
  const std::string file = read_file(kGolden / "gguf" / "llama-tied" / "model.gguf");
  const size_t data = static_cast<size_t>(parse_gguf(file).tensors[0].begin);
  for (size_t size = 0; size + 32 < file.size(); size += size < data ? 61 : 7919) {
    CAPTURE(size);
    CHECK_THROWS_AS(parse_gguf(file.substr(0, size)), Error);
  }
  Random random(2, "flips");
  int refused = 0;
  for (int i = 0; i < 1500; ++i) {
    std::string damaged = file;
    for (uint64_t flips = 1 + random.below(3); flips > 0; --flips)
      damaged[random.below(i % 2 ? 600 : data)] = static_cast<char>(random.below(256));
    write_file(dir / "m.gguf", damaged);
    try {
      const ModelFiles model = ModelFiles::open(dir / "m.gguf");
      model.tokenizer_json();
      model.tokenizer_config();
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 500);
}

namespace {

// A one-layer llama whose tensors are zeros; rope_freqs and fields are the test's.
std::string tiny_llama(const std::string& more_fields, uint64_t more, const std::vector<float>& factors,
                       const std::string& extra_tensor = "", uint32_t type = 0) {
  const auto u32 = [](const char* key, uint32_t value) { return field(key, 4, raw(value)); };
  std::string fields = field("general.architecture", 8, text("llama")) + u32("llama.embedding_length", 8) +
                       u32("llama.feed_forward_length", 16) + u32("llama.block_count", 1) +
                       u32("llama.attention.head_count", 1) + u32("llama.context_length", 32) +
                       field("llama.attention.layer_norm_rms_epsilon", 6, raw(1e-6f)) +
                       field("llama.rope.freq_base", 6, raw(500000.f)) + more_fields;
  std::string tensors;
  uint64_t at = 0, count = 0;
  const auto add = [&](const std::string& name, std::vector<uint64_t> extents) {
    uint64_t n = type == 0 ? 4 : 2;
    for (uint64_t extent : extents) n *= extent;
    tensors += tensor_info(name, extents, type, at);
    at += (n + 31) / 32 * 32;
    ++count;
  };
  add("token_embd.weight", {8, 4});
  add("output_norm.weight", {8});
  for (const char* name : {"attn_norm", "ffn_norm"}) add(std::string("blk.0.") + name + ".weight", {8});
  for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output"})
    add(std::string("blk.0.") + name + ".weight", {8, 8});
  for (const char* name : {"ffn_gate", "ffn_up"}) add(std::string("blk.0.") + name + ".weight", {8, 16});
  add("blk.0.ffn_down.weight", {16, 8});
  if (!extra_tensor.empty()) add(extra_tensor, {8});
  const uint64_t factors_at = at;
  if (!factors.empty()) add("rope_freqs.weight", {factors.size()});
  std::string file = with_data(head(count, 8 + more) + fields + tensors, at);
  for (size_t i = 0; i < factors.size(); ++i) file.replace(file.size() - at + factors_at + i * 4, 4, raw(factors[i]));
  return file;
}

}  // namespace

TEST_CASE("rotary scaling: linear, Llama 3's factors, and what is neither") {
  TempDir dir;
  const auto open = [&](const std::string& file) {
    write_file(dir / "m.gguf", file);
    return ModelFiles::open(dir / "m.gguf");
  };
  CHECK(open(tiny_llama("", 0, {})).config().rope.scaling == RopeConfig::Scaling::kNone);
  CHECK(open(tiny_llama("", 0, {1, 1, 1, 1})).config().rope.scaling == RopeConfig::Scaling::kNone);
  const auto linear = open(tiny_llama(
      field("llama.rope.scaling.type", 8, text("linear")) + field("llama.rope.scaling.factor", 6, raw(4.f)), 2, {}));
  CHECK(linear.config().rope.scaling == RopeConfig::Scaling::kLinear);
  CHECK(linear.config().rope.factor == 4);
  CHECK(open(tiny_llama(field("llama.rope.scale_linear", 6, raw(2.f)), 1, {})).config().rope.factor == 2);

  // Llama 3.1: theta 500000, factor 8, 8192 positions; wavelengths 6, 167, 4443 and 118144 for a head of 8.
  const auto expected = [](double wavelength) {
    const double smooth = (8192 / wavelength - 1) / 3;
    return static_cast<float>(smooth >= 1 ? 1 : smooth <= 0 ? 8 : 1 / ((1 - smooth) / 8 + smooth));
  };
  std::vector<float> factors;
  for (int i = 0; i < 4; ++i) factors.push_back(expected(6.283185307179586 * std::pow(500000., i / 4.)));
  CHECK(factors[2] > 1.1f);
  CHECK(factors[2] < 7.9f);
  const RopeConfig rope = open(tiny_llama("", 0, factors)).config().rope;
  CHECK(rope.scaling == RopeConfig::Scaling::kLlama3);
  CHECK(rope.factor == 8);
  CHECK(rope.original_max_positions == 8192);
  factors[2] *= 1.1f;
  CHECK_THROWS_WITH_AS(open(tiny_llama("", 0, factors)), doctest::Contains("other scalings are not supported"), Error);
  CHECK_THROWS_WITH_AS(open(tiny_llama(field("llama.rope.scaling.type", 8, text("yarn")), 1, {})),
                       doctest::Contains("yarn"), Error);
  CHECK_THROWS_WITH_AS(open(tiny_llama("", 0, {}, "blk.0.attn_rot.weight")), doctest::Contains("is not one of a llama"),
                       Error);
  CHECK_THROWS_WITH_AS(open(tiny_llama(field("llama.vocab_size", 4, raw<uint32_t>(4)), 1, {}, "blk.1.attn_norm.weight")
                                .replace(0, 4, "GGUX")),
                       doctest::Contains("no GGUF file"), Error);
  std::string other = tiny_llama("", 0, {});
  other.replace(other.find("llama"), 5, "bloom");
  CHECK_THROWS_WITH_AS(open(other), doctest::Contains("\"bloom\", known are gpt2, llama"), Error);
  std::string lacking = tiny_llama("", 0, {});
  lacking.replace(lacking.find("blk.0.ffn_up"), 12, "blk.1.ffn_up");
  CHECK_THROWS_WITH_AS(open(lacking), doctest::Contains("\"model.layers.0.mlp.up_proj.weight\" [16, 8] is missing"),
                       Error);
}

TEST_CASE("bf16 weights that are stored in another order are read in ours, into fp32 and into bf16") {
  TempDir dir;
  std::string file = tiny_llama("", 0, {}, "", 30);  // BF16
  for (size_t i = file.size() - 1024, k = 0; i + 2 <= file.size(); i += 2, ++k)
    file.replace(i, 2, raw(static_cast<uint16_t>(0x3f80 + k % 101)));
  write_file(dir / "m.gguf", file);
  const ModelFiles files = ModelFiles::open(dir / "m.gguf");
  int turned = 0;
  for (const StoredTensor& tensor : files.tensors()) {
    CAPTURE(tensor.name);
    turned += tensor.interleaved_heads > 0;
    std::vector<float> values(static_cast<size_t>(tensor.size()));
    std::vector<uint16_t> halves(values.size());
    files.read(tensor, values.data());
    files.read_bf16(tensor, halves.data());
    for (size_t i = 0; i < values.size(); ++i) {
      uint32_t bits;
      std::memcpy(&bits, &values[i], 4);
      REQUIRE((bits >> 16) == halves[i]);
    }
  }
  CHECK(turned == 2);
}
