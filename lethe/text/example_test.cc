#include "lethe/text/example.h"

#include <doctest/doctest.h>

using namespace lethe::text;
using Ids = std::vector<int32_t>;

TEST_CASE("an example knows its targets; the first position is never one") {
  Example example;
  example.append(Ids{5, 6}, true);
  example.append(Ids{7}, false);
  example.append(Ids{8, 9}, true);
  CHECK(example.ids == Ids{5, 6, 7, 8, 9});
  CHECK(example.labels == Ids{kNoTarget, 6, kNoTarget, 8, 9});
  CHECK(example.target_count() == 3);
  CHECK(!example.truncate(5));
  CHECK(example.truncate(3));
  CHECK(example.labels == Ids{kNoTarget, 6, kNoTarget});
  CHECK(example.target_count() == 1);
}
