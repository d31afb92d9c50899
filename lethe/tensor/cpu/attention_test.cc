#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "lethe/base/error.h"
#include "lethe/tensor/cpu/kernel_testing.h"
#include "lethe/tensor/parallel.h"

namespace lethe::tensor {
namespace {

// Attention in double, plainly.
struct Plain {
  AttentionShape shape;
  std::vector<Span> spans;
  int64_t rows;
  std::vector<double> q, k, v;  // [rows, heads * head_dim], [rows, kv_heads * head_dim]
  std::vector<double> out, lse;

  double score(int64_t i, int64_t j, int64_t h) const {
    const int64_t d = shape.head_dim, kv = h / (shape.heads / shape.kv_heads);
    double s = 0;
    for (int64_t c = 0; c < d; ++c) s += q[(i * shape.heads + h) * d + c] * k[(j * shape.kv_heads + kv) * d + c];
    return s * shape.scale;
  }
  std::vector<int64_t> seen(const Span& s, int64_t i) const {
    std::vector<int64_t> all;
    for (int64_t j = 0; j < s.prefix_length; ++j) all.push_back(s.prefix_begin + j);
    for (int64_t j = 0; j < (shape.causal ? i + 1 : s.length); ++j) all.push_back(s.begin + j);
    return all;
  }
  void forward() {
    const int64_t d = shape.head_dim;
    out.assign(q.size(), 0);
    lse.assign(static_cast<size_t>(rows * shape.heads), 0);
    for (const Span& s : spans) {
      for (int64_t i = 0; i < s.length; ++i) {
        for (int64_t h = 0; h < shape.heads; ++h) {
          const int64_t row = s.begin + i, kv = h / (shape.heads / shape.kv_heads);
          double most = -1e300, sum = 0;
          for (int64_t j : seen(s, i)) most = std::max(most, score(row, j, h));
          for (int64_t j : seen(s, i)) sum += std::exp(score(row, j, h) - most);
          lse[row * shape.heads + h] = most + std::log(sum);
          for (int64_t j : seen(s, i)) {
            const double p = std::exp(score(row, j, h) - most) / sum;
            for (int64_t c = 0; c < d; ++c) {
              out[(row * shape.heads + h) * d + c] += p * v[(j * shape.kv_heads + kv) * d + c];
            }
          }
        }
      }
    }
  }
  // The gradients of sum(dout * out), by the chain rule on each score.
  void backward(const std::vector<double>& dout, std::vector<double>& dq, std::vector<double>& dk,
                std::vector<double>& dv) const {
    const int64_t d = shape.head_dim;
    dq.assign(q.size(), 0);
    dk.assign(k.size(), 0);
    dv.assign(v.size(), 0);
    for (const Span& s : spans) {
      for (int64_t i = 0; i < s.length; ++i) {
        for (int64_t h = 0; h < shape.heads; ++h) {
          const int64_t row = s.begin + i, kv = h / (shape.heads / shape.kv_heads), at = (row * shape.heads + h) * d;
          for (int64_t j : seen(s, i)) {
            const int64_t key = (j * shape.kv_heads + kv) * d;
            const double p = std::exp(score(row, j, h) - lse[row * shape.heads + h]);
            double ds = 0;
            for (int64_t c = 0; c < d; ++c) {
              dv[key + c] += p * dout[at + c];
              ds += p * dout[at + c] * (v[key + c] - out[at + c]);
            }
            for (int64_t c = 0; c < d; ++c) {
              dq[at + c] += shape.scale * ds * k[key + c];
              dk[key + c] += shape.scale * ds * q[at + c];
            }
          }
        }
      }
    }
  }
};

struct Case {
  const char* name;
  int64_t heads, kv_heads, head_dim;
  bool causal;
  int64_t rows;
  std::vector<Span> spans;
};

const std::vector<Case> kCases = {
    {"facts", 9, 3, 64, true, 70, {{0, 5, 0, 0}, {5, 23, 0, 0}, {28, 1, 0, 0}, {29, 30, 0, 0}, {60, 0, 0, 0}}},
    {"odd heads", 4, 2, 20, true, 40, {{3, 9, 0, 0}, {12, 17, 0, 0}}},
    {"long", 6, 2, 64, true, 420, {{0, 200, 0, 0}, {210, 48, 0, 0}, {258, 131, 0, 0}}},
    {"long, many query blocks", 2, 1, 16, true, 1200, {{0, 1190, 0, 0}}},
    {"both ways, short", 4, 4, 32, false, 50, {{0, 20, 0, 0}, {22, 28, 0, 0}}},
    {"both ways, long", 4, 4, 32, false, 300, {{10, 260, 0, 0}}},
    {"mixed", 3, 3, 40, true, 130, {{100, 30, 0, 0}, {0, 99, 0, 0}}},
};
const std::vector<Case> kPrefixCases = {
    {"short answers", 9, 3, 64, true, 60, {{0, 20, 0, 0}, {20, 4, 0, 20}, {24, 9, 0, 20}, {33, 1, 0, 20}}},
    {"long answers", 4, 2, 64, true, 300, {{0, 100, 0, 0}, {100, 60, 0, 100}, {160, 140, 0, 100}}},
    {"both ways", 4, 2, 64, false, 300, {{0, 100, 0, 0}, {100, 60, 0, 100}, {160, 14, 0, 100}}},
};

// Slices of one qkv tensor, as a model has them.
struct Inputs {
  Inputs(const Case& c, DType dtype, uint64_t seed)
      : shape{c.heads, c.kv_heads, c.head_dim, 1 / std::sqrt(static_cast<float>(c.head_dim)), c.causal},
        qkv(TestTensor::random(seed, dtype, c.rows, (c.heads + 2 * c.kv_heads) * c.head_dim)),
        q(qkv.view().col_range(0, c.heads * c.head_dim)),
        k(qkv.view().col_range(c.heads * c.head_dim, c.kv_heads * c.head_dim)),
        v(qkv.view().col_range((c.heads + c.kv_heads) * c.head_dim, c.kv_heads * c.head_dim)),
        out(dtype, c.rows, c.heads * c.head_dim, 8),
        lse(DType::kF32, c.rows, c.heads),
        plain{shape, c.spans, c.rows, {}, {}, {}, {}, {}} {
    const auto values = [&](int64_t from, int64_t cols) {
      std::vector<double> all;
      for (int64_t i = 0; i < c.rows; ++i) {
        for (int64_t j = from; j < from + cols; ++j) all.push_back(qkv.at(i, j));
      }
      return all;
    };
    plain.q = values(0, q.cols);
    plain.k = values(q.cols, k.cols);
    plain.v = values(q.cols + k.cols, v.cols);
    plain.forward();
  }

  AttentionShape shape;
  TestTensor qkv;
  Tensor q, k, v;
  TestTensor out, lse;
  Plain plain;
};

// Rounding of inputs to products (the weights of the softmax) and of the result.
double forward_tolerance(DType dtype) { return dtype == DType::kF32 ? 1e-5 : 0.016; }

TEST_CASE("attention forward is softmax(q k) v over what a row sees") {
  std::vector<Case> cases = kCases;
  cases.insert(cases.end(), kPrefixCases.begin(), kPrefixCases.end());
  uint64_t seed = 0;
  for (const Case& c : cases) {
    for (const DType dtype : {DType::kF32, DType::kBF16}) {
      CAPTURE(std::string(c.name));
      CAPTURE(name_of(dtype));
      Inputs x(c, dtype, ++seed);
      attention_forward(x.shape, c.spans, x.q, x.k, x.v, x.out, x.lse);
      CHECK(distance(x.out.values(), x.plain.out) < forward_tolerance(dtype));
      CHECK(x.out.gaps_untouched());
      double worst = 0;
      for (const Span& s : c.spans) {
        for (int64_t i = s.begin; i < s.begin + s.length; ++i) {
          for (int64_t h = 0; h < c.heads; ++h) {
            worst = std::max(worst, std::abs(x.lse.at(i, h) - x.plain.lse[static_cast<size_t>(i * c.heads + h)]));
          }
        }
      }
      CHECK(worst < 1e-5);
    }
  }
}

TEST_CASE("attention backward is the gradient, zero outside the spans") {
  uint64_t seed = 100;
  for (const Case& c : kCases) {
    for (const DType dtype : {DType::kF32, DType::kBF16}) {
      CAPTURE(std::string(c.name));
      CAPTURE(name_of(dtype));
      Inputs x(c, dtype, ++seed);
      TestTensor dout = TestTensor::random(++seed, dtype, c.rows, c.heads * c.head_dim);
      TestTensor dq(dtype, c.rows, c.heads * c.head_dim, 4), dk(dtype, c.rows, c.kv_heads * c.head_dim),
          dv(dtype, c.rows, c.kv_heads * c.head_dim, 2);
      attention_forward(x.shape, c.spans, x.q, x.k, x.v, x.out, x.lse);
      attention_backward(x.shape, c.spans, x.q, x.k, x.v, x.out, x.lse, dout, dq, dk, dv);
      std::vector<double> want_q, want_k, want_v;
      x.plain.backward(dout.values(), want_q, want_k, want_v);
      const double tolerance = dtype == DType::kF32 ? 2e-5 : 0.03;
      CHECK(distance(dq.values(), want_q) < tolerance);
      CHECK(distance(dk.values(), want_k) < tolerance);
      CHECK(distance(dv.values(), want_v) < tolerance);
      CHECK(dq.gaps_untouched());
      CHECK(dv.gaps_untouched());
    }
  }
}

TEST_CASE("the plain gradient of the tests is the one of finite differences") {
  const Case c{"", 2, 1, 3, true, 6, {{1, 4, 0, 0}}};
  Inputs x(c, DType::kF32, 7);
  const TestTensor dout = TestTensor::random(8, DType::kF32, c.rows, c.heads * c.head_dim);
  std::vector<double> dq, dk, dv;
  x.plain.backward(dout.values(), dq, dk, dv);
  const auto numeric = [&](std::vector<double> Plain::*input) {
    return numeric_gradient(
        [&](const std::vector<double>& values) {
          Plain moved = x.plain;
          moved.*input = values;
          moved.forward();
          return dot(moved.out, dout.values());
        },
        x.plain.*input);
  };
  CHECK(distance(numeric(&Plain::q), dq) < 1e-8);
  CHECK(distance(numeric(&Plain::k), dk) < 1e-8);
  CHECK(distance(numeric(&Plain::v), dv) < 1e-8);
}

TEST_CASE("attention of short spans is the same on every instruction set") {
  for_each_target([] {
    Inputs x(kCases[1], DType::kF32, 3);
    attention_forward(x.shape, kCases[1].spans, x.q, x.k, x.v, x.out, x.lse);
    CHECK(distance(x.out.values(), x.plain.out) < 1e-5);
  });
}

TEST_CASE("attention gives the same bits again, whichever thread takes which task") {
  const int threads = num_threads();
  for (const Case& c : kCases) {
    Inputs x(c, DType::kBF16, 11);
    const TestTensor dout = TestTensor::random(12, DType::kBF16, c.rows, c.heads * c.head_dim);
    set_num_threads(3);
    const auto gradients = [&] {
      TestTensor dq(DType::kBF16, c.rows, x.q.cols), dk(DType::kBF16, c.rows, x.k.cols),
          dv(DType::kBF16, c.rows, x.k.cols);
      attention_forward(x.shape, c.spans, x.q, x.k, x.v, x.out, x.lse);
      attention_backward(x.shape, c.spans, x.q, x.k, x.v, x.out, x.lse, dout, dq, dk, dv);
      std::vector<double> all = dq.values();
      for (const TestTensor* t : {&dk, &dv}) {
        for (double value : t->values()) all.push_back(value);
      }
      return all;
    };
    CAPTURE(std::string(c.name));
    const std::vector<double> once = gradients();
    for (int again = 0; again < 3; ++again) CHECK(distance(gradients(), once) == 0);
  }
  set_num_threads(threads);
}

TEST_CASE("a decoded row is the last row of a causal span") {
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    const Case c{"", 6, 2, 24, true, 90, {{0, 1, 0, 0}, {1, 50, 0, 0}, {51, 39, 0, 0}}};
    Inputs x(c, dtype, 21);
    TestTensor q(dtype, 3, x.q.cols), out(dtype, 3, x.q.cols);
    std::vector<Tensor> keys, values;
    std::vector<double> want;
    for (size_t b = 0; b < 3; ++b) {
      const Span& s = c.spans[b];
      const int64_t last = s.begin + s.length - 1;
      for (int64_t j = 0; j < x.q.cols; ++j) {
        q.set(static_cast<int64_t>(b), j, x.qkv.at(last, j));
        want.push_back(x.plain.out[static_cast<size_t>(last * x.q.cols + j)]);
      }
      keys.push_back(x.k.row_range(s.begin, s.length));
      values.push_back(x.v.row_range(s.begin, s.length));
    }
    attention_decode(x.shape, q, keys, values, out);
    CHECK(distance(out.values(), want) < forward_tolerance(dtype));
  }
}

// The heads of x, `stride` columns apart, random numbers between them.
TestTensor spread(const Tensor& x, int64_t heads, int64_t head_dim, int64_t stride) {
  TestTensor out = TestTensor::random(99, x.dtype, x.rows, (heads - 1) * stride + head_dim);
  for (int64_t h = 0; h < heads; ++h) {
    for (int64_t row = 0; row < x.rows; ++row) {
      std::memcpy(out.view().at(row, h * stride), x.at(row, h * head_dim),
                  static_cast<size_t>(head_dim) * size_of(x.dtype));
    }
  }
  return out;
}

TEST_CASE("attention reads and writes heads that lie apart, to the bit as side by side") {
  for (const Case& c : kCases) {
    for (const DType dtype : {DType::kF32, DType::kBF16}) {
      CAPTURE(std::string(c.name));
      CAPTURE(name_of(dtype));
      const int64_t d = c.head_dim, stride = 3 * d;
      Inputs x(c, dtype, 31);
      AttentionShape apart = x.shape;
      apart.head_stride = stride;
      const TestTensor q = spread(x.q, c.heads, d, stride), k = spread(x.k, c.kv_heads, d, stride),
                       v = spread(x.v, c.kv_heads, d, stride);
      TestTensor out(dtype, c.rows, c.heads * d), lse(DType::kF32, c.rows, c.heads);
      attention_forward(x.shape, c.spans, x.q, x.k, x.v, x.out, x.lse);
      attention_forward(apart, c.spans, q, k, v, out, lse);
      CHECK(out.values() == x.out.values());

      const TestTensor dout = TestTensor::random(32, dtype, c.rows, c.heads * d);
      TestTensor dq(dtype, c.rows, c.heads * d), dk(dtype, c.rows, c.kv_heads * d), dv(dtype, c.rows, c.kv_heads * d);
      TestTensor dq_apart = spread(dq, c.heads, d, stride), dk_apart = spread(dk, c.kv_heads, d, stride),
                 dv_apart = spread(dv, c.kv_heads, d, stride);
      const std::vector<double> between = dq_apart.values();
      attention_backward(x.shape, c.spans, x.q, x.k, x.v, x.out, x.lse, dout, dq, dk, dv);
      attention_backward(apart, c.spans, q, k, v, out, lse, dout, dq_apart, dk_apart, dv_apart);
      const auto equal = [&](const TestTensor& side_by_side, const TestTensor& lying_apart, int64_t heads) {
        for (int64_t row = 0; row < c.rows; ++row) {
          for (int64_t j = 0; j < heads * d; ++j) {
            if (side_by_side.at(row, j) != lying_apart.at(row, j / d * stride + j % d)) return false;
          }
        }
        return true;
      };
      CHECK(equal(dq, dq_apart, c.heads));
      CHECK(equal(dk, dk_apart, c.kv_heads));
      CHECK(equal(dv, dv_apart, c.kv_heads));
      const Span& held = c.spans[0];  // within a span what lies between heads stays
      const auto at = static_cast<size_t>(held.begin * dq_apart.view().cols + d);
      if (c.heads > 1) CHECK(dq_apart.values()[at] == between[at]);

      TestTensor decoded(dtype, 1, c.heads * d), decoded_apart(dtype, 1, c.heads * d);
      const Tensor keys[] = {x.k.row_range(held.begin, held.length)},
                   values[] = {x.v.row_range(held.begin, held.length)};
      const int64_t last = held.begin + held.length - 1;
      attention_decode(x.shape, x.q.row_range(last, 1), keys, values, decoded);
      attention_decode(apart, q.view().row_range(last, 1), keys, values, decoded_apart);
      CHECK(decoded.values() == decoded_apart.values());
    }
  }
}

TEST_CASE("attention says what does not fit") {
  const Case c{"", 2, 1, 8, true, 10, {{4, 7, 0, 0}}};
  const std::vector<Span> good = {{0, 10, 0, 0}}, prefixed = {{5, 5, 0, 5}};
  Inputs x(Case{"", 2, 1, 8, true, 10, good}, DType::kF32, 1);
  CHECK_THROWS_AS(attention_forward(x.shape, c.spans, x.q, x.k, x.v, x.out, x.lse), Error);
  CHECK_THROWS_AS(attention_forward(x.shape, good, x.q, x.q, x.v, x.out, x.lse), Error);
  CHECK_THROWS_AS(attention_backward(x.shape, prefixed, x.q, x.k, x.v, x.out, x.lse, x.out, x.q, x.k, x.v), Error);
}

}  // namespace
}  // namespace lethe::tensor
