#include "lethe/edit/values.h"

#include "lethe/edit/edit_testing.h"

using namespace lethe;
using namespace lethe::edit;

namespace {

constexpr const char* kQuery = "model.layers.1.self_attn.q_proj";

// B A = 2 in the first row, else 0.
model::Adapter first_row(const model::ModelFiles& files, double alpha) {
  const model::StoredTensor* tensor = files.find(kQuery + std::string(".weight"));
  REQUIRE(tensor != nullptr);
  model::Adapter adapter;
  adapter.rank = 1;
  adapter.alpha = alpha;
  model::LoraWeights lora{kQuery, false, false, tensor->cols(), tensor->rows(), 1, alpha, {}, {}};
  lora.a.assign(static_cast<size_t>(lora.in), 1);
  lora.b.assign(static_cast<size_t>(lora.out), 0);
  lora.b[0] = 2;
  adapter.weights.push_back(std::move(lora));
  return adapter;
}

}  // namespace

TEST_CASE("with_adapters: W + factor * scale * B A, one after the other; the rest is unchanged") {
  const model::ModelFiles files = model::ModelFiles::open(kModels / "llama");
  const auto moved = with_adapters(files, {{first_row(files, 16), -0.5}, {first_row(files, 4), 1}});
  const std::string name = kQuery + std::string(".weight");
  const std::vector<float> before = values(files, name), after = values(files, moved, name);
  const size_t cols = static_cast<size_t>(files.find(name)->cols());
  REQUIRE(after.size() == before.size());
  for (size_t i = 0; i < after.size(); ++i) {
    const double expected = before[i] + (i < cols ? -0.5 * 16 * 2 + 4 * 2 : 0);
    CHECK(after[i] == doctest::Approx(expected).epsilon(1e-6));
  }
  CHECK(values(files, moved, "model.norm.weight").empty());
  CHECK(values(files, moved, "model.layers.0.self_attn.q_proj.weight").empty());
  CHECK(values(files, with_adapters(files, {}), name).empty());
}

TEST_CASE("values_of: the parameters as they are now, also after they changed") {
  const model::ModelFiles files = model::ModelFiles::open(kModels / "llama");
  const auto model = std::make_shared<model::Transformer>(model::Transformer::load(files, tensor::DType::kF32, true));
  const model::NewValues now = values_of(model);
  const std::string name = "model.norm.weight";
  CHECK(values(files, now, name) == values(files, name));
  const std::vector<float> other(values(files, name).size(), 7);
  model->parameters().set(model->parameters().slot(name), other.data());
  CHECK(values(files, now, name) == other);
}
