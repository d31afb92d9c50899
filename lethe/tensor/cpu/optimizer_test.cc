#include "lethe/tensor/cpu/kernel_testing.h"

namespace lethe::tensor {
namespace {

using Values = std::vector<double>;

struct State {
  std::vector<float> p, g, m, v;
  std::vector<uint16_t> copy;
  explicit State(int64_t n) : p(n), g(n), m(n), v(n), copy(n) {
    Random random(3, "state");
    for (float& x : p) x = static_cast<float>(random.normal());
  }
  void draw_gradient(uint64_t step) {
    Random random(4, "gradient", step);
    for (float& x : g) x = static_cast<float>(random.normal());
  }
};

TEST_CASE("adamw_step follows torch.optim.AdamW over eight steps") {
  for_each_target([] {
    for (const int64_t n : {0, 1, 7, 63, 65, 3000}) {
      CAPTURE(n);
      State s(n);
      Values p(s.p.begin(), s.p.end()), m(n), v(n);
      AdamW o{1e-2f, 0.9f, 0.95f, 1e-8f, 0.1f, 0, 0.5f};
      for (o.step = 1; o.step <= 8; ++o.step) {
        s.draw_gradient(o.step);
        adamw_step(o, s.p.data(), s.g.data(), s.m.data(), s.v.data(), s.copy.data(), n);
        const double lr = o.learning_rate, b1 = o.beta1, b2 = o.beta2, t = static_cast<double>(o.step);
        for (int64_t i = 0; i < n; ++i) {
          const double g = s.g[i] * 0.5;
          p[i] -= lr * o.weight_decay * p[i];
          m[i] = b1 * m[i] + (1 - b1) * g;
          v[i] = b2 * v[i] + (1 - b2) * g * g;
          p[i] -= lr * (m[i] / (1 - std::pow(b1, t))) / (std::sqrt(v[i] / (1 - std::pow(b2, t))) + o.epsilon);
        }
      }
      CHECK(distance(Values(s.p.begin(), s.p.end()), p) < 1e-6);
      CHECK(distance(Values(s.m.begin(), s.m.end()), m) < 1e-6);
      CHECK(distance(Values(s.v.begin(), s.v.end()), v) < 1e-6);
      std::vector<uint16_t> rounded(n);
      convert(Tensor(s.p.data(), 1, n), Tensor(rounded.data(), DType::kBF16, 1, n));
      CHECK(s.copy == rounded);
    }
  });
}

TEST_CASE("adamw_step gives the same bits however the elements are cut") {
  for_each_target([] {
    const int64_t n = 5003;
    State whole(n), parts(n);
    AdamW o{1e-3f, 0.9f, 0.999f, 1e-8f, 0.01f, 0, 1};
    for (o.step = 1; o.step <= 3; ++o.step) {
      whole.draw_gradient(o.step);
      parts.draw_gradient(o.step);
      adamw_step(o, whole.p.data(), whole.g.data(), whole.m.data(), whole.v.data(), nullptr, n);
      for (int64_t i = 0, length = 1; i < n; i += length, length = std::min<int64_t>(2 * length + 1, n - i)) {
        adamw_step(o, parts.p.data() + i, parts.g.data() + i, parts.m.data() + i, parts.v.data() + i,
                   parts.copy.data() + i, length);
      }
    }
    CHECK(whole.p == parts.p);
    CHECK(whole.m == parts.m);
    CHECK(whole.v == parts.v);
  });
  State s(4);
  CHECK_THROWS_AS(adamw_step(AdamW{1e-3f, 0.9f, 0.999f, 1e-8f, 0, 0, 1}, s.p.data(), s.g.data(), s.m.data(), s.v.data(),
                             nullptr, 4),
                  Error);
}

TEST_CASE("sgd_step follows torch.optim.SGD") {
  for_each_target([] {
    for (const int64_t n : {0, 1, 7, 63, 65, 3000}) {
      State s(n);
      s.draw_gradient(1);
      Values expected;
      for (int64_t i = 0; i < n; ++i) expected.push_back(s.p[i] - 0.1f * (s.g[i] * 0.5 + 0.01f * s.p[i]));
      sgd_step(0.1f, 0.01f, 0.5f, s.p.data(), s.g.data(), s.copy.data(), n);
      CHECK(distance(Values(s.p.begin(), s.p.end()), expected) < 2e-7);
      for (int64_t i = 0; i < n; ++i) REQUIRE(value_of(BF16{s.copy[i]}) == doctest::Approx(s.p[i]).epsilon(0.004));
    }
  });
}

}  // namespace
}  // namespace lethe::tensor
