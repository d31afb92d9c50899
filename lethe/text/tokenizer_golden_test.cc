// Ids and texts equal to those of the Python package `tokenizers`: on the golden files of every family
// (tests/golden/make/ tokenizer.py tells how they are written) and, where ../shared is there, on the real vocabularies.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <iostream>
#include <tuple>

#include "lethe/base/error.h"
#include "lethe/text/tokenizer.h"

using namespace lethe;
using namespace lethe::text;
using Ids = std::vector<int32_t>;

namespace {

const fs::path kGoldenTokenizers = "tests/golden/tokenizer";
const fs::path kShared = "../shared";

Ids unpack(const std::string& pairs) {  // two characters of base 64 an id
  const auto digit = [](char c) {
    return c == '+' ? 62 : c == '/' ? 63 : c >= 'a' ? c - 'a' + 26 : c >= 'A' ? c - 'A' : c - '0' + 52;
  };
  Ids ids;
  for (size_t i = 0; i + 1 < pairs.size(); i += 2) ids.push_back(digit(pairs[i]) * 64 + digit(pairs[i + 1]));
  return ids;
}

const Json& golden_strings() {
  static const Json strings = read_json(kGoldenTokenizers / "strings.json");
  return strings;
}

bool missing(const fs::path& path) {
  if (fs::exists(path)) return false;
  std::cout << "SKIPPED: " << path << " is missing\n";
  return true;
}

// The texts of a file of vectors, which stand between separator lines.
std::vector<std::string> vector_texts(const fs::path& path) {
  const std::string all = read_file(path), separator = "\n__ggml_vocab_test__\n";
  std::vector<std::string> texts;
  size_t at = 0;
  for (size_t end; (end = all.find(separator, at)) != std::string::npos; at = end + separator.size()) {
    texts.push_back(all.substr(at, end - at));
  }
  if (at < all.size()) texts.push_back(all.substr(at));
  return texts;
}

void check_vectors(const std::string& name, const Tokenizer& tokenizer) {
  const fs::path folder = kShared / "tokenizers";
  const auto texts = vector_texts(folder / (name + ".inp"));
  size_t checked = 0;
  for_each_line(folder / (name + ".out"), [&](int64_t number, std::string_view line) {
    REQUIRE(static_cast<size_t>(number) <= texts.size());
    std::string shown;
    for (const int32_t id : tokenizer.encode(texts[number - 1], false)) shown += fmt::format(" {}", id);
    CHECK_MESSAGE(shown == line, "text ", number, ": \"", texts[number - 1], "\"");
    ++checked;
  });
  CHECK(checked == texts.size());
  CHECK(checked > 40);
}

// The pieces of a SentencePiece model (protocol buffers: field 1 is a piece, its field 1 the text, its field 2 the
// score) in the frame of `tokenizer_json`: the way Hugging Face converts them, in which every split of a piece into two
// others is a merge, the best score first, and of one piece's the longest left part.
Json from_sentencepiece(const std::string& model, Json tokenizer_json) {
  const auto varint = [](std::string_view& bytes) {
    uint64_t value = 0;
    for (int shift = 0; !bytes.empty(); shift += 7) {
      const auto b = static_cast<unsigned char>(bytes[0]);
      bytes.remove_prefix(1);
      value |= static_cast<uint64_t>(b & 0x7F) << shift;
      if (b < 0x80) break;
    }
    return value;
  };
  // Calls on_field(number, content) for fields that are bytes or 4 bytes long and passes over the others.
  const auto for_fields = [&](std::string_view bytes, const auto& on_field) {
    while (!bytes.empty()) {
      const uint64_t tag = varint(bytes), kind = tag & 7;
      if (kind == 0) {
        varint(bytes);
        continue;
      }
      REQUIRE((kind == 2 || kind == 5));
      const size_t size = kind == 2 ? varint(bytes) : 4;
      on_field(tag >> 3, bytes.substr(0, size));
      bytes.remove_prefix(size);
    }
  };
  std::vector<std::pair<std::string, float>> pieces;
  for_fields(model, [&](uint64_t field, std::string_view piece) {
    if (field != 1) return;
    auto& entry = pieces.emplace_back("", 0.0f);
    for_fields(piece, [&](uint64_t part, std::string_view content) {
      if (part == 1) entry.first = std::string(content);
      if (part == 2) std::memcpy(&entry.second, content.data(), 4);
    });
  });

  Json& vocab = tokenizer_json["model"]["vocab"] = Json::object();
  for (size_t id = 0; id < pieces.size(); ++id) vocab[pieces[id].first] = id;
  std::vector<std::tuple<float, size_t, Json>> merges;  // to sort: -score, bytes of the right part
  for (const auto& [text, score] : pieces) {
    for (size_t i = 1; i < text.size(); ++i) {
      if (vocab.contains(text.substr(0, i)) && vocab.contains(text.substr(i))) {
        merges.emplace_back(-score, text.size() - i, Json::array({text.substr(0, i), text.substr(i)}));
      }
    }
  }
  std::stable_sort(merges.begin(), merges.end(), [](const auto& a, const auto& b) {
    return std::tie(std::get<0>(a), std::get<1>(a)) < std::tie(std::get<0>(b), std::get<1>(b));
  });
  Json& list = tokenizer_json["model"]["merges"] = Json::array();
  for (const auto& merge : merges) list.push_back(std::get<2>(merge));
  return tokenizer_json;
}

}  // namespace

TEST_CASE("every family of tokenizers gives Hugging Face's ids and texts") {
  const Json& strings = golden_strings()["strings"];
  REQUIRE(strings.size() >= 2000);
  for (const std::string family :
       {"gpt2", "smollm2", "llama3", "qwen2", "cl100k", "falcon", "llama2", "mistral", "odd", "word_level"}) {
    CAPTURE(family);
    const Tokenizer tokenizer = Tokenizer::load(kGoldenTokenizers / (family + ".json"));
    const Json golden = read_json(kGoldenTokenizers / (family + ".ids.json"));
    REQUIRE(golden["ids"].size() == strings.size());
    for (size_t i = 0; i < strings.size(); ++i) {
      const auto& text = strings[i].get_ref<const std::string&>();
      CAPTURE(i);
      CAPTURE(text);
      const Ids ids = tokenizer.encode(text, false);
      CHECK(ids == unpack(golden["ids"][i]));
      if (i < golden["special"].size()) CHECK(tokenizer.encode(text, true) == unpack(golden["special"][i]));
      const std::string key = std::to_string(i), decoded = golden["decoded"].value(key, text);
      CHECK(tokenizer.decode(ids) == decoded);
      CHECK(tokenizer.decode(ids, true) == golden["skipped"].value(key, decoded));
    }
  }
}

TEST_CASE("bytes that are no UTF-8 read as U+FFFD, one for each maximal invalid part") {
  const Tokenizer tokenizer = Tokenizer::load(kGoldenTokenizers / "gpt2.json");
  for (const Json& item : golden_strings()["bytes"]) {
    const auto hex = item[0].get<std::string>();
    std::string bytes;
    for (size_t i = 0; i < hex.size(); i += 2)
      bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    CAPTURE(hex);
    CHECK(tokenizer.decode(tokenizer.encode(bytes, false)) == item[1].get<std::string>());
    CHECK(tokenizer.encode(bytes, false) == tokenizer.encode(item[1].get<std::string>(), false));
  }
}

TEST_CASE("GPT-2's vectors") {
  const fs::path folder = kShared / "tokenizers" / "gpt2";
  if (!missing(folder)) check_vectors("vectors-gpt-2", Tokenizer::load(folder));
}

TEST_CASE("Llama 2's vectors") {  // tokenizer.json there has Mistral's vocabulary, so the one of the vectors is
                                  // tokenizer.model's
  const fs::path folder = kShared / "tokenizers" / "llama2";
  if (missing(folder)) return;
  const Json json = from_sentencepiece(read_file(folder / "tokenizer.model"), read_json(folder / "tokenizer.json"));
  check_vectors("vectors-llama-spm", Tokenizer::from_json(json, "tokenizer.model"));
}

TEST_CASE("stories260K's tokenizer") {
  const fs::path folder = kShared / "models" / "stories260K";
  if (missing(folder)) return;
  const Tokenizer tokenizer = Tokenizer::load(folder);
  CHECK(tokenizer.size() == 512);
  CHECK(tokenizer.bos_id() == 1);
  CHECK(tokenizer.eos_id() == 2);
  const Json reference = read_json(folder / "tokenizer_reference.json");
  CHECK(reference.size() >= 7);
  for (const Json& item : reference) {
    const auto text = item["text"].get<std::string>();
    CAPTURE(text);
    CHECK(tokenizer.encode(text, true) == item["ids"].get<Ids>());
    CHECK(tokenizer.decode(item["ids"].get<Ids>(), true) == text);
  }
}
