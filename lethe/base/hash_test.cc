#include "lethe/base/hash.h"

#include <doctest/doctest.h>

TEST_CASE("FNV-1a's published values, and in parts") {
  CHECK(lethe::fnv1a("") == 0xcbf29ce484222325ULL);
  CHECK(lethe::fnv1a("a") == 0xaf63dc4c8601ec8cULL);
  CHECK(lethe::fnv1a("foobar") == 0x85944171f73967e8ULL);
  CHECK(lethe::fnv1a("bar", lethe::fnv1a("foo")) == lethe::fnv1a("foobar"));
}
