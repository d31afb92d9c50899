#include "lethe/model/safetensors.h"

#include <doctest/doctest.h>

#include <cstring>

#include "lethe/base/error.h"
#include "lethe/base/file.h"
#include "lethe/base/random.h"

using namespace lethe;
using namespace lethe::model;

namespace {

std::string file_of(const std::string& json, size_t data_bytes, uint64_t lie = 0) {
  uint64_t length = json.size() + lie;
  std::string out(8, '\0');
  std::memcpy(out.data(), &length, 8);
  return out + json + std::string(data_bytes, 'x');
}
SafetensorsHeader parse_header(const std::string& file) {
  return read_safetensors_header(std::as_bytes(std::span(file)), "m.safetensors");
}
std::string small_file() {
  std::vector<SafetensorsEntry> entries = {
      {"b", "F32", {2, 3}}, {"a \"quoted\" é", "BF16", {5}}, {"none", "I64", {0, 4}}};
  std::string text = safetensors_header(entries, {{"format", "pt"}});
  return text + std::string(24 + 10, 'x');
}

}  // namespace

TEST_CASE("a header that is written is read back") {
  const SafetensorsHeader h = parse_header(small_file());
  CHECK(h.data_begin % 8 == 0);
  CHECK(h.metadata.at("format") == "pt");
  REQUIRE(h.entries.size() == 3);
  CHECK(h.entries[0].name == "b");
  CHECK(h.entries[0].shape == std::vector<int64_t>{2, 3});
  CHECK(h.entries[0].begin == h.data_begin);
  CHECK(h.entries[1].name == "a \"quoted\" é");
  CHECK(h.entries[1].begin == h.data_begin + 24);
  CHECK(h.entries[1].bytes == 10);
  CHECK(h.entries[2].bytes == 0);
  CHECK(parse_header(file_of("{}", 0)).entries.empty());
}

TEST_CASE("a lying header is refused with the tensor's name") {
  const auto wrong = [](const std::string& file, const char* message) {
    CAPTURE(file);
    CHECK_THROWS_WITH_AS(parse_header(file), doctest::Contains(message), Error);
  };
  const auto tensor = [](const char* fields, size_t data) {
    return file_of(std::string("{\"t\":{") + fields + "}}", data);
  };
  wrong("", "too short");
  wrong("1234567", "too short");
  wrong(file_of("{}", 0, 1), "cut short");
  wrong(file_of("{}", 0, UINT64_MAX - 2), "cut short");
  wrong(file_of("[]", 0), "does not begin with {");
  wrong(file_of("", 0), "does not begin with {");
  wrong(file_of("{\"t\":", 0), "not valid JSON");
  wrong(file_of("{\"t\":3}", 0), "expected an object");
  wrong(file_of("{\"__metadata__\":3}", 0), "__metadata__");
  wrong(file_of("{\"__metadata__\":{\"a\":3}}", 0), "expected a string");
  wrong(tensor(R"("shape":[2],"data_offsets":[0,8])", 8), "\"dtype\" is missing");
  wrong(tensor(R"("dtype":"F31","shape":[2],"data_offsets":[0,8])", 8), "unknown dtype \"F31\"");
  wrong(tensor(R"("dtype":"F32","shape":2,"data_offsets":[0,8])", 8), "expected a list");
  wrong(tensor(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])", 8), "natural numbers");
  wrong(tensor(R"("dtype":"F32","shape":[2.5],"data_offsets":[0,8])", 8), "natural numbers");
  wrong(tensor(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])", 0), "impossible shape");
  wrong(tensor(R"("dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0])", 0), "impossible shape");
  wrong(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0])", 8), "two numbers");
  wrong(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])", 8), "bytes 8 to 0");
  wrong(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])", 4), "cut short");
  wrong(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615])", 8), "natural numbers");
  wrong(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])", 4), "takes 4 bytes, expected 8 for F32 [2]");
  wrong(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])", 9), "1 bytes at its end");
  wrong(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[4,12])", 12), "belong to no tensor");
  wrong(
      file_of(
          R"({"t":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"u":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
          6),
      "\"t\" and \"u\" overlap");
  wrong(
      file_of(
          R"({"t":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"t":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
          4),
      "m.safetensors (header): the field \"t\" stands twice");
  wrong(tensor(R"("dtype":"F32","shape":[1e999],"data_offsets":[0,8])", 8),
        "m.safetensors (header): not usable JSON at byte 34 of 58: number overflow parsing '1e999'");
  const std::string deep = "\"shape\":" + std::string(200000, '[') + std::string(200000, ']');
  wrong(tensor(deep.c_str(), 8), "m.safetensors (header): lists and objects are nested deeper than 64");
}

TEST_CASE("every truncation is an error, and no flipped byte of the header crashes") {
  const std::string file = small_file();
  for (size_t size = 0; size < file.size(); ++size) {
    CAPTURE(size);
    CHECK_THROWS_AS(parse_header(file.substr(0, size)), Error);
  }
  Random random(1, "flips");
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string damaged = file;
    for (uint64_t flips = 1 + random.below(3); flips > 0; --flips)
      damaged[random.below(file.size() - 34)] = static_cast<char>(random.below(256));
    try {
      parse_header(damaged);
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 10000);
}
