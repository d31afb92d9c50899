#include "lethe/model/gguf_dequant.h"

#include <doctest/doctest.h>

#include <cstring>

#include "lethe/base/file.h"
#include "lethe/model/safetensors.h"

using namespace lethe;
using namespace lethe::model;

TEST_CASE("every type dequantises to the bits of the package gguf") {
  const fs::path root = fs::path(__FILE__).parent_path().parent_path().parent_path();
  const MappedFile file(root / "tests/golden/gguf/blocks.safetensors");
  const SafetensorsHeader header = read_safetensors_header(file.bytes(), "blocks.safetensors");
  const auto bytes = [&](const std::string& name) {
    for (const SafetensorsEntry& entry : header.entries) {
      if (entry.name != name) continue;
      const auto part = file.bytes().subspan(entry.begin, entry.bytes);
      return std::vector<std::byte>(part.begin(), part.end());
    }
    return std::vector<std::byte>();
  };
  for (const char* name : {"F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"}) {
    CAPTURE(name);
    const GgufType* type = gguf_type(name);
    REQUIRE(type != nullptr);
    CHECK(gguf_type(type->id) == type);
    const std::vector<std::byte> raw = bytes(std::string(name) + ".raw"), expected = bytes(std::string(name) + ".f32");
    const int64_t blocks = static_cast<int64_t>(raw.size()) / type->bytes;
    REQUIRE(blocks * type->block == 3 * 256);
    std::vector<float> out(3 * 256);
    dequantise(*type, raw.data(), blocks, out.data());
    CHECK(std::memcmp(out.data(), expected.data(), expected.size()) == 0);
  }
  CHECK(gguf_type("Q2_K") == nullptr);
  CHECK(gguf_type(10u) == nullptr);
}

TEST_CASE("scales that are subnormal, infinite or not a number") {
  const GgufType* type = gguf_type("Q8_0");
  std::vector<std::byte> block(34, std::byte{1});
  std::vector<float> out(32);
  const auto with_scale = [&](uint16_t bits) {
    std::memcpy(block.data(), &bits, 2);
    dequantise(*type, block.data(), 1, out.data());
    return out[0];
  };
  CHECK(with_scale(0x0001) == 0x1p-24f);
  CHECK(with_scale(0x8001) == -0x1p-24f);
  CHECK(with_scale(0x03FF) == 1023 * 0x1p-24f);
  CHECK(with_scale(0x3C00) == 1.f);
  CHECK(with_scale(0x7BFF) == 65504.f);
  CHECK(with_scale(0x7C00) > 1e38f);
  CHECK(with_scale(0x7E00) != with_scale(0x7E00));
}
