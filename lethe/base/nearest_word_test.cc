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

TEST_CASE("a message says what was meant and what there is") {
  const std::vector<std::string> words = {"old", "new"};
  CHECK(lethe::did_you_mean("olt", words, "--") == " (did you mean --old?)");
  CHECK(lethe::did_you_mean("xyzzy", words).empty());
  CHECK(lethe::known_words("olt", words) == "did you mean old? Expected old, new");
  CHECK(lethe::known_words("xyzzy", words) == "expected old, new");
  CHECK(lethe::known_words("olt", {}) == "there is none");
}
