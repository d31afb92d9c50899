#include "lethe/base/random.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>
#include <span>
#include <vector>

using lethe::Random;

TEST_CASE("a stream is a function of seed, name and index") {
  CHECK(Random(1, "a", 2).next() == Random(1, "a", 2).next());
  std::set<uint64_t> first;
  for (uint64_t seed : {0, 1})
    for (const char* name : {"a", "b"})
      for (uint64_t index : {0, 1}) first.insert(Random(seed, name, index).next());
  CHECK(first.size() == 8);
}

TEST_CASE("the same numbers on every machine and in every version") {
  Random random(7, "pinned", 2);
  constexpr uint64_t kPinned[] = {0x7fb92f271df45631, 0x5afcb084dee6470e, 0xe7c4ce51b782d92c};
  for (const uint64_t number : kPinned) CHECK(random.next() == number);
}

TEST_CASE("moments of uniform, below and normal") {
  Random random(7, "moments");
  double u = 0, b = 0, n = 0, n2 = 0;
  const int count = 200000;
  for (int i = 0; i < count; ++i) {
    u += random.uniform();
    b += static_cast<double>(random.below(10));
    const double x = random.normal();
    n += x;
    n2 += x * x;
  }
  CHECK(std::abs(u / count - 0.5) < 0.005);
  CHECK(std::abs(b / count - 4.5) < 0.05);
  CHECK(std::abs(n / count) < 0.01);
  CHECK(std::abs(n2 / count - 1) < 0.02);
}

TEST_CASE("shuffle keeps every element") {
  std::vector<int> v(100);
  std::iota(v.begin(), v.end(), 0);
  std::vector<int> w = v;
  Random(3, "shuffle").shuffle(w);
  CHECK(w != v);
  std::array<int, 100> array;
  std::iota(array.begin(), array.end(), 0);
  Random(3, "shuffle").shuffle(array);
  CHECK(std::equal(array.begin(), array.end(), w.begin()));  // the same numbers, whatever holds them
  std::vector<int> longer(102, -1);
  std::copy(v.begin(), v.end(), longer.begin() + 1);
  std::span inside = std::span(longer).subspan(1, 100);
  Random(3, "shuffle").shuffle(inside);
  CHECK(std::equal(inside.begin(), inside.end(), w.begin()));
  CHECK(longer.front() == -1);
  CHECK(longer.back() == -1);
  std::sort(w.begin(), w.end());
  CHECK(w == v);
}
