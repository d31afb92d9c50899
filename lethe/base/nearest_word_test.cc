#include "lethe/base/nearest_word.h"

#include <doctest/doctest.h>

#include <vector>

TEST_CASE("the nearest word, or none") {
  const std::vector<std::string> words = {"evaluate", "update", "old"};
  CHECK(lethe::nearest_word("updtae", words) == "update");
  CHECK(lethe::nearest_word("evalate", words) == "evaluate");
  CHECK(lethe::nearest_word("olt", words) == "old");
  CHECK(lethe::nearest_word("id", words).empty());  // two letters of three are another word
  CHECK(lethe::nearest_word("xyzzy", words).empty());
  CHECK(lethe::nearest_word("update", {}).empty());
}
