#include "lethe/model/write_model.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "lethe/base/error.h"
#include "lethe/base/interrupt.h"
#include "lethe/model/families.h"
#include "lethe/model/model_testing.h"
#include "lethe/model/safetensors.h"
#include "tests/temp_dir.h"

using namespace lethe;
using namespace lethe::model;
using testing::kModels;
using testing::tensor_values;

namespace {

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

const WriteModelOptions kOverwrite = {.dtype = "", .untie = false, .overwrite = true};
const WriteModelOptions kUntie = {.dtype = "", .untie = true, .overwrite = true};

bool same_file(const fs::path& a, const fs::path& b) { return read_file(a) == read_file(b); }

// A copy of a golden model that can be changed.
void copy_model(const std::string& name, const fs::path& to) {
  fs::create_directories(to);
  for (const auto& entry : fs::directory_iterator(kModels / name))
    if (entry.is_regular_file()) fs::copy(entry.path(), to / entry.path().filename());
}

// Adds a tied model's head as a tensor of its own.
void store_head(const fs::path& model) {
  TempDir dir;
  write_model(ModelFiles::open(model), dir.path(), nullptr, kUntie);
  fs::copy_file(dir / "model.safetensors", model / "model.safetensors", fs::copy_options::overwrite_existing);
}

}  // namespace

TEST_CASE("nothing changed: the same bytes, whatever the shards, names and dtypes") {
  for (const char* name : {"llama", "llama-f16", "llama-bf16", "gpt2-first-names", "llama-sharded"}) {
    CAPTURE(name);
    TempDir dir;
    write_model(ModelFiles::open(kModels / name), dir / "out", nullptr);
    int files = 0;
    for (const auto& entry : fs::directory_iterator(dir / "out")) {
      CHECK(same_file(entry.path(), kModels / name / entry.path().filename()));
      ++files;
    }
    CHECK(files == (std::string(name) == "llama-sharded" ? 5 : 3));
  }
}

TEST_CASE("new values are rounded once, the rest is copied") {
  for (const char* name : {"llama", "llama-f16", "llama-bf16"}) {
    CAPTURE(name);
    TempDir dir;
    const ModelFiles source = ModelFiles::open(kModels / name);
    const std::string changed = "model.layers.1.mlp.up_proj.weight";
    const auto target = [&](size_t i) { return 0.1f + static_cast<float>(i) * 0.0003f; };
    write_model(source, dir / "out", [&](const StoredTensor& tensor, float* out) {
      if (tensor.name != changed) return false;
      for (size_t i = 0; i < static_cast<size_t>(tensor.size()); ++i) out[i] = target(i);
      return true;
    });
    const ModelFiles written = ModelFiles::open(dir / "out");
    const double half_ulp = std::string(name) == "llama" ? 0 : std::string(name) == "llama-f16" ? 1. / 2048 : 1. / 256;
    const std::vector<float> v = tensor_values(written, changed);
    double worst = 0;
    for (size_t i = 0; i < v.size(); ++i)
      worst = std::max(worst, std::abs(static_cast<double>(v[i]) - target(i)) / target(i));
    CHECK(worst <= half_ulp);
    for (const StoredTensor& tensor : source.tensors())
      if (tensor.name != changed) CHECK(tensor_values(written, tensor.name) == tensor_values(source, tensor.name));
  }
}

TEST_CASE("other files are carried over, other formats' weights are not, a run folder stays") {
  TempDir dir;
  copy_model("llama", dir / "in");
  for (const char* name : {"tokenizer.json", "merges.txt", "LICENSE", "chat_template.jinja", "pytorch_model.bin",
                           "a.gguf", ".hidden", "tf_model.h5", "pytorch_model.bin.index.json"})
    write_file(dir / "in" / name, name);
  fs::create_directory(dir / "in" / "onnx");
  fs::create_directories(dir / "out" / "lethe");
  write_file(dir / "out" / "lethe" / "config.toml", "x");
  write_model(ModelFiles::open(dir / "in"), dir / "out", nullptr);
  CHECK(names_in(dir / "out") == std::vector<std::string>{"LICENSE", "chat_template.jinja", "config.json",
                                                          "golden.json", "lethe", "merges.txt", "model.safetensors",
                                                          "tokenizer.json"});
  CHECK(read_file(dir / "out" / "LICENSE") == "LICENSE");
}

TEST_CASE("a tied head that is stored follows the embedding; untied it is its own") {
  TempDir dir;
  copy_model("llama-tied", dir / "in");
  store_head(dir / "in");
  const ModelFiles source = ModelFiles::open(dir / "in");
  REQUIRE(source.find("lm_head.weight") != nullptr);
  const auto ones = [](const StoredTensor& tensor, float* out) {
    if (tensor.name != "model.embed_tokens.weight") return false;
    std::fill_n(out, tensor.size(), 1.f);
    return true;
  };
  write_model(source, dir / "out", ones);
  const ModelFiles tied = ModelFiles::open(dir / "out");
  const std::vector<float> all_ones(static_cast<size_t>(source.find("lm_head.weight")->size()), 1.f);
  CHECK(tensor_values(tied, "model.embed_tokens.weight") == all_ones);
  CHECK(tensor_values(tied, "lm_head.weight") == all_ones);

  for (const fs::path& from : {dir / "in", kModels / "llama-tied"}) {
    const ModelFiles model = ModelFiles::open(from);
    write_model(model, dir / "untied", ones, kUntie);
    const ModelFiles untied = ModelFiles::open(dir / "untied");
    CHECK_FALSE(untied.config().tied_embeddings);
    CHECK(tensor_values(untied, "model.embed_tokens.weight") == all_ones);
    CHECK(tensor_values(untied, "lm_head.weight") == tensor_values(model, "model.embed_tokens.weight"));
  }
}

TEST_CASE("another dtype: weights, config and index file agree") {
  TempDir dir;
  const ModelFiles shards = ModelFiles::open(kModels / "llama-sharded");
  write_model(shards, dir / "out", nullptr, {.dtype = "BF16", .untie = false, .overwrite = false});
  const ModelFiles written = ModelFiles::open(dir / "out"), bf16 = ModelFiles::open(kModels / "llama-bf16");
  CHECK(written.files().size() == 3);
  uint64_t total = 0;
  for (const StoredTensor& tensor : bf16.tensors()) {
    CHECK(written.find(tensor.name)->dtype == "BF16");
    CHECK(tensor_values(written, tensor.name) == tensor_values(bf16, tensor.name));
    total += tensor.bytes;
  }
  CHECK(written.config_json()["dtype"] == "bfloat16");
  const Json index = read_json(dir / "out" / "model.safetensors.index.json");
  CHECK(index["metadata"]["total_size"] == total);
  CHECK_THROWS_WITH_AS(write_model(shards, dir / "out2", nullptr, {.dtype = "I8", .untie = false, .overwrite = false}),
                       doctest::Contains("I8"), Error);
}

TEST_CASE("a model is overwritten only when told, and then nothing of the old one stays") {
  TempDir dir;
  write_model(ModelFiles::open(kModels / "llama-sharded"), dir / "out", nullptr);
  write_file(dir / "out" / "tokenizer.json", "{}");
  write_file(dir / "out" / "mine.txt", "kept");
  const ModelFiles source = ModelFiles::open(kModels / "llama-tied");
  CHECK_THROWS_WITH_AS(write_model(source, dir / "out", nullptr), doctest::Contains("nothing is overwritten"), Error);
  CHECK(ModelFiles::open(dir / "out").files().size() == 3);
  write_model(source, dir / "out", nullptr, kOverwrite);
  CHECK(names_in(dir / "out") ==
        std::vector<std::string>{"config.json", "golden.json", "mine.txt", "model.safetensors"});

  CHECK_THROWS_WITH_AS(write_model(ModelFiles::open(dir / "out"), dir / "out", nullptr, kOverwrite),
                       doctest::Contains("is the model itself"), Error);
  write_file(dir / "file", "x");
  CHECK_THROWS_WITH_AS(write_model(source, dir / "file", nullptr), doctest::Contains("cannot make the directory"),
                       Error);
}

TEST_CASE("a full disk or an error on the way leaves what was there, and no parts") {
  TempDir dir;
  const ModelFiles source = ModelFiles::open(kModels / "llama-sharded");
  fs::create_directories(dir / "out" / "lethe");
  const auto untouched = [&] {
    CHECK(names_in(dir / "out") == std::vector<std::string>{"lethe"});
    CHECK_FALSE(fs::exists(dir / "new"));
  };

  std::signal(SIGXFSZ, SIG_IGN);  // a file that grows over the limit is then a write error, as on a full disk
  struct rlimit old, small;
  ::getrlimit(RLIMIT_FSIZE, &old);
  small = old;
  small.rlim_cur = 30000;
  ::setrlimit(RLIMIT_FSIZE, &small);
  CHECK_THROWS_WITH_AS(write_model(source, dir / "out", nullptr), doctest::Contains("model-00001-of-00003"), Error);
  CHECK_THROWS_WITH_AS(write_model(source, dir / "new", nullptr), doctest::Contains("cannot write"), Error);
  CHECK_THROWS_WITH_AS(
      write_model(source, dir / "new",
                  [](const StoredTensor& t, float* out) { return std::fill_n(out, t.size(), 0.f), true; }),
      doctest::Contains("cannot write"), Error);
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, SIG_DFL);
  untouched();

  int asked = 0;
  CHECK_THROWS_WITH_AS(write_model(source, dir / "new",
                                   [&](const StoredTensor&, float*) -> bool {
                                     if (++asked == 9) fail("NaN");
                                     return false;
                                   }),
                       "NaN", Error);
  untouched();
  raise_interrupt();
  CHECK_THROWS_AS(write_model(source, dir / "out", nullptr), Interrupted);
  clear_interrupt();
  untouched();
  fs::remove(dir / "out" / "lethe");
  write_model(source, dir / "out", nullptr);
  CHECK(names_in(dir / "out").size() == 5);
}

TEST_CASE("rows are asked for in blocks that cover each tensor once") {
  TempDir dir;
  const ModelFiles source = ModelFiles::open(kModels / "gpt2");
  write_model_rows(source, dir / "out", [&](const StoredTensor& tensor) -> NewRows {
    return [&](int64_t first, int64_t rows, float* out) {
      source.read_rows(tensor, first, rows, out);
      for (int64_t i = 0; i < rows * tensor.cols(); ++i) out[i] *= 2;
    };
  });
  const ModelFiles written = ModelFiles::open(dir / "out");
  for (const StoredTensor& tensor : source.tensors()) {
    std::vector<float> twice = tensor_values(source, tensor.name);
    for (float& x : twice) x *= 2;
    CHECK(tensor_values(written, tensor.name) == twice);
  }
}

TEST_CASE("only a model's files are removed, by their whole names") {
  TempDir dir;
  const ModelFiles source = ModelFiles::open(kModels / "llama");
  write_model(ModelFiles::open(kModels / "llama-sharded"), dir / "out", nullptr);
  for (const char* name : {"model_backup.safetensors", "modelcard.safetensors", "model-1-of-2.safetensors"})
    write_file(dir / "out" / name, "mine");
  write_model(source, dir / "out", nullptr, kOverwrite);
  CHECK(names_in(dir / "out") == std::vector<std::string>{"config.json", "golden.json", "model-1-of-2.safetensors",
                                                          "model.safetensors", "model_backup.safetensors",
                                                          "modelcard.safetensors"});
}

TEST_CASE("a value that F16 cannot hold is an error that names it, and no directory is left") {
  TempDir dir;
  const ModelFiles source = ModelFiles::open(kModels / "llama");
  const NewValues large = [](const StoredTensor& tensor, float* out) {
    std::fill_n(out, tensor.size(), tensor.name == "model.norm.weight" ? 1e6f : 65504.0f);
    return true;
  };
  CHECK_THROWS_WITH_AS(write_model(source, dir / "p" / "q" / "out", large, {.dtype = "F16"}),
                       doctest::Contains("the tensor \"model.norm.weight\" has the value 1e+06, F16 ends at 65504"),
                       Error);
  CHECK_FALSE(fs::exists(dir / "p"));
  write_model(source, dir / "p" / "out/", large, {.dtype = "BF16"});
  CHECK(fs::exists(dir / "p" / "out" / "config.json"));
}

TEST_CASE("an index file with damaged metadata is refused before any weight is written") {
  TempDir dir;
  copy_model("llama-sharded", dir / "model");
  const fs::path file = dir / "model" / "model.safetensors.index.json";
  OrderedJson index = OrderedJson::parse(read_file(file));
  index["metadata"] = "x";
  write_file(file, index.dump());
  int64_t written = 0;
  CHECK_THROWS_WITH_AS(write_model(ModelFiles::open(dir / "model"), dir / "out", nullptr,
                                   {.dtype = "BF16", .progress = [&](int64_t bytes, int64_t) { written = bytes; }}),
                       doctest::Contains("index.json: \"metadata\" is \"x\", expected an object"), Error);
  CHECK(written == 0);
  CHECK_FALSE(fs::exists(dir / "out"));
}
