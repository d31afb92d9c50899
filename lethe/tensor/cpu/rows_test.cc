#include "lethe/tensor/cpu/kernel_testing.h"

namespace lethe::tensor {
namespace {

using Values = std::vector<double>;
using Ids = std::vector<int32_t>;

Ids random_ids(uint64_t seed, int64_t count, uint64_t below) {
  Random random(seed, "ids");
  Ids ids;
  for (int64_t i = 0; i < count; ++i) ids.push_back(static_cast<int32_t>(random.below(below)));
  return ids;
}

TEST_CASE("embedding: forward and backward against plain loops") {
  for_each_target([] {
    for (const int64_t d : {1, 7, 63, 65, 576}) {
      for (const int64_t rows : {0, 1, 50}) {
        CAPTURE(d);
        CAPTURE(rows);
        const Ids ids = random_ids(1, rows, 11), positions = random_ids(2, rows, 6);  // ids repeat
        for (const DType dtype : {DType::kF32, DType::kBF16}) {
          const auto table = TestTensor::random(1, dtype, 11, d, 2), places = TestTensor::random(2, dtype, 6, d, 1);
          TestTensor out(DType::kF32, rows, d, 3), sum(DType::kF32, rows, d);
          embedding_forward(ids, table, {}, Tensor(), out);
          embedding_forward(ids, table, positions, places, sum);
          Values expected, expected_sum;
          for (int64_t t = 0; t < rows; ++t) {
            for (int64_t i = 0; i < d; ++i) {
              expected.push_back(table.at(ids[t], i));
              expected_sum.push_back(static_cast<float>(table.at(ids[t], i) + places.at(positions[t], i)));
            }
          }
          CHECK(out.values() == expected);
          CHECK(sum.values() == expected_sum);
          CHECK(out.gaps_untouched());
        }
        const auto dx = TestTensor::random(3, DType::kF32, rows, d, 4),
                   dtable = TestTensor::random(4, DType::kF32, 11, d, 1);
        Values expected = dtable.values();
        for (int64_t t = 0; t < rows; ++t) {
          for (int64_t i = 0; i < d; ++i) expected[ids[t] * d + i] += dx.at(t, i);
        }
        embedding_backward(ids, dx, dtable);
        CHECK(distance(dtable.values(), expected) < 1e-5);
        CHECK(dtable.gaps_untouched());
      }
    }
  });
}

TEST_CASE("embedding backward has the same bits for any number of threads") {
  const int64_t rows = 400, d = 64;
  const Ids ids = random_ids(1, rows, 20);
  const auto dx = TestTensor::random(1, DType::kF32, rows, d);
  const int threads_before = num_threads();
  std::vector<Values> results;
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    TestTensor dtable(DType::kF32, 20, d);
    fill_zero(dtable);
    embedding_backward(ids, dx, dtable);
    results.push_back(dtable.values());
  }
  set_num_threads(threads_before);
  for (const auto& result : results) CHECK(result == results[0]);
}

TEST_CASE("gather and scatter move whole rows") {
  for_each_target([] {
    for (const int64_t cols : {1, 7, 63, 65}) {
      const Ids rows{4, 0, 5};
      for (const DType from : {DType::kF32, DType::kBF16, DType::kF16}) {
        const auto x = from == DType::kF16 ? TestTensor(from, 6, cols, 1) : TestTensor::random(1, from, 6, cols, 2);
        for (const DType to : {DType::kF32, from}) {
          TestTensor out(to, 3, cols, 3);
          gather_rows(x, rows, out);
          Values expected;
          for (const int32_t row : rows) {
            for (int64_t i = 0; i < cols; ++i) expected.push_back(x.at(row, i));
          }
          CHECK(out.values() == expected);
          CHECK(out.gaps_untouched());
        }
      }
      const auto x = TestTensor::random(2, DType::kF32, 3, cols, 1),
                 out = TestTensor::random(3, DType::kF32, 6, cols, 2);
      Values expected = out.values();
      for (size_t r = 0; r < rows.size(); ++r) {
        for (int64_t i = 0; i < cols; ++i) {
          double& e = expected[rows[r] * cols + i];
          e = static_cast<float>(e + x.at(static_cast<int64_t>(r), i));
        }
      }
      scatter_add_rows(x, rows, out);
      CHECK(out.values() == expected);
      CHECK(out.gaps_untouched());
    }
  });
}

TEST_CASE("column_sum adds the sums of the columns") {
  for_each_target([] {
    for (const DType dtype : {DType::kF32, DType::kBF16}) {
      for (const int64_t cols : {1, 7, 63, 65, 700}) {
        for (const int64_t rows : {0, 1, 7, 33, 2100}) {
          CAPTURE(cols);
          CAPTURE(rows);
          const auto x = TestTensor::random(1, dtype, rows, cols, 1);
          std::vector<float> sums(cols, 3.0f);
          Values expected(cols, 3.0);
          for (int64_t i = 0; i < rows; ++i) {
            for (int64_t j = 0; j < cols; ++j) expected[j] += x.at(i, j);
          }
          column_sum(x, sums.data());
          CHECK(distance(Values(sums.begin(), sums.end()), expected) < 3e-5);
        }
      }
    }
  });
}

TEST_CASE("rows: indices outside the table are errors, and change nothing") {
  const TestTensor table(DType::kF32, 5, 4), x(DType::kF32, 2, 4), narrow(DType::kF32, 2, 3);
  const Values before = x.values(), table_before = table.values();
  const Ids beyond{0, 5}, negative{-1, 0}, good{0, 4}, short_list{0};
  CHECK_THROWS_WITH_AS(embedding_forward(beyond, table, {}, Tensor(), x), "embedding_forward: id 5 is outside [0, 5)",
                       Error);
  CHECK_THROWS_AS(embedding_forward(good, table, negative, table, x), Error);
  CHECK_THROWS_AS(embedding_forward(good, table, short_list, table, x), Error);
  CHECK_THROWS_AS(embedding_forward(good, table, {}, Tensor(), narrow), Error);
  CHECK_THROWS_AS(embedding_backward(negative, x, table), Error);
  CHECK_THROWS_AS(gather_rows(table, beyond, x), Error);
  CHECK_THROWS_AS(scatter_add_rows(x, beyond, table), Error);
  CHECK(x.values() == before);
  CHECK(table.values() == table_before);
}

}  // namespace
}  // namespace lethe::tensor
