#include "lethe/edit/f_learning.h"

#include <cmath>

#include "lethe/base/error.h"
#include "lethe/edit/edit_testing.h"
#include "lethe/edit/values.h"

using namespace lethe;
using namespace lethe::edit;

namespace {

const std::vector<text::Example> kOld = {{{1, 2, 3, 4}, {-100, -100, 3, 4}}, {{5, 6, 7}, {-100, -100, 7}}};
const std::vector<text::Example> kNew = {{{1, 2, 8, 9}, {-100, -100, 8, 9}}, {{5, 6, 10}, {-100, -100, 10}}};

FLearningConfig config_of(const char* method) {
  FLearningConfig config;
  config.method = method;
  config.rate = 0.3;
  config.training.max_steps = 2;
  config.forget = {"forget", 1e-3, {}, 20};
  config.learn = {"learn", 1e-3, {}, 20};
  config.lora = {4, 8, 0, {"q_proj", "v_proj"}};
  return config;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(static_cast<double>(a[i]) - b[i]));
  return most;
}

}  // namespace

TEST_CASE("the methods: what forgets, what is LoRA, what is an adapter in all") {
  const struct {
    const char* name;
    bool forgets, has_lora, only_lora;
  } expected[] = {{"f-ft", true, false, false},
                  {"f-lora", true, true, true},
                  {"f-lora-ft", true, true, false},
                  {"ft", false, false, false},
                  {"lora", false, true, true}};
  CHECK(methods().size() == std::size(expected));
  for (const auto& e : expected) {
    CAPTURE(e.name);
    CHECK(method_named(e.name).forgets() == e.forgets);
    CHECK(method_named(e.name).has_lora() == e.has_lora);
    CHECK(method_named(e.name).only_lora() == e.only_lora);
  }
  CHECK_THROWS_AS(method_named("f-f"), UsageError);
}

TEST_CASE("f-ft forgets by theta - rate * (trained - theta), then learns from there with a fresh optimiser") {
  const model::ModelFiles files = model::ModelFiles::open(kModels / "llama");
  const FLearningConfig config = config_of("f-ft");
  train::Session session;
  auto trained = std::make_shared<model::Transformer>(model::Transformer::load(files, tensor::DType::kF32, true));
  train::train(*trained, kOld, config.training, config.forget, session);

  // By hand, for every parameter; and its norm.
  const auto by_hand = [&](const std::string& name, double* norm) {
    std::vector<float> result = values(files, name);
    const std::vector<float> after = values(files, values_of(trained), name);
    double squares = 0;
    for (size_t i = 0; i < result.size(); ++i) {
      const double delta = static_cast<double>(after[i]) - result[i];
      squares += delta * delta;
      result[i] = static_cast<float>(result[i] - 0.3 * delta);
    }
    if (norm) *norm = std::sqrt(squares);
    return result;
  };
  int called = 0;
  const Edit edit = f_learning(files, tensor::DType::kF32, kOld, kNew, config, session,
                               [&](model::Transformer& model, const Edit& so_far) {
                                 ++called;
                                 CHECK(so_far.forget.steps > 0);
                                 CHECK(so_far.delta.size() == model.parameters().slots().size());
                                 for (const MatrixNorm& moved : so_far.delta) {
                                   double norm = 0;
                                   const std::vector<float> expected = by_hand(moved.name, &norm);
                                   std::vector<float> found(expected.size());
                                   model.parameters().get(model.parameters().slot(moved.name), found.data());
                                   CHECK(largest_difference(found, expected) < 3e-7);
                                   CHECK(moved.norm == doctest::Approx(norm).epsilon(1e-4));
                                   CHECK(moved.norm > 0);
                                 }
                               });
  CHECK(called == 1);
  CHECK(edit.forget.steps == 2);
  CHECK(edit.learn.steps == 2);
  CHECK_FALSE(edit.adapter.has_value());

  auto learned = std::make_shared<model::Transformer>(
      model::Transformer::load(files, tensor::DType::kF32, true, [&](const model::StoredTensor& tensor, float* out) {
        const std::vector<float> start = by_hand(tensor.name, nullptr);
        std::copy(start.begin(), start.end(), out);
        return true;
      }));
  train::train(*learned, kNew, config.training, config.learn, session);
  for (const char* name : {"model.layers.0.self_attn.q_proj.weight", "lm_head.weight", "model.norm.weight"})
    CHECK(largest_difference(values(files, edit.values, name), values(files, values_of(learned), name)) < 1e-5);
}

TEST_CASE("f-lora: one adapter of twice the rank is both moves") {
  const model::ModelFiles files = model::ModelFiles::open(kModels / "llama");
  train::Session session;
  const Edit edit = f_learning(files, tensor::DType::kF32, kOld, kNew, config_of("f-lora"), session);
  REQUIRE(edit.adapter.has_value());
  CHECK(edit.adapter->rank == 8);
  for (const model::LoraWeights& lora : edit.adapter->weights)
    CHECK(lora.scale == doctest::Approx(2));  // alpha 8 of rank 4, kept
  const model::NewValues laid = with_adapters(files, {{*edit.adapter, 1}});
  for (const model::LoraWeights& lora : edit.adapter->weights) {
    const std::string name = lora.module + ".weight";
    CHECK(largest_difference(values(files, edit.values, name), values(files, laid, name)) < 1e-6);
    CHECK(largest_difference(values(files, edit.values, name), values(files, name)) > 1e-5);
  }
  CHECK(values(files, edit.values, "lm_head.weight").empty());
}

TEST_CASE("ft and lora never look at the old facts") {
  const model::ModelFiles files = model::ModelFiles::open(kModels / "llama");
  for (const char* method : {"ft", "lora"}) {
    train::Session session;
    const Edit edit = f_learning(files, tensor::DType::kF32, {}, kNew, config_of(method), session,
                                 [](model::Transformer&, const Edit&) { FAIL("it forgot"); });
    CHECK(edit.delta.empty());
    CHECK(edit.forget.steps == 0);
    CHECK(edit.learn.steps == 2);
    CHECK(edit.adapter.has_value() == (std::string(method) == "lora"));
  }
}
