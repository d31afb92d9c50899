// Seeded random streams: the same numbers on every machine. A stream is named by (seed, name, index), so nothing that
// is drawn depends on what was drawn before elsewhere, and a resumed run needs no saved generator state. Generator:
// xoshiro256** (Blackman and Vigna, 2018), seeded through splitmix64.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace lethe {

class Random {
 public:
  Random(uint64_t seed, std::string_view name, uint64_t index = 0);

  uint64_t next();
  uint64_t below(uint64_t n);  // uniform in [0, n), n > 0, without bias
  double uniform();            // [0, 1), 53 bits
  double normal();             // mean 0, standard deviation 1 (Box and Muller)

  template <typename Values>
  void shuffle(Values& values) {  // Fisher and Yates; a vector, an array, a span
    const std::span all(values);
    for (size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[below(i)]);
  }

 private:
  uint64_t state_[4];
};

}  // namespace lethe
