#include "lethe/model/shared_prompts.h"

#include <doctest/doctest.h>

using namespace lethe::model;

namespace {

// `shared` common tokens, then `own` others, which begin differently for each `who`.
std::vector<int32_t> prompt(int64_t shared, int32_t who, int64_t own) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < shared; ++i) ids.push_back(static_cast<int32_t>(i));
  for (int64_t i = 0; i < own; ++i) ids.push_back(1000 * who);
  return ids;
}

std::vector<int64_t> shared_by(const std::vector<std::vector<int32_t>>& prompts) {
  std::vector<int64_t> shared;
  for (const PromptGroup& group : group_prompts(prompts))
    shared.insert(shared.end(), group.end - group.begin, group.shared);
  return shared;
}

}  // namespace

TEST_CASE("prompts that begin alike share their beginning, but for the last token of each") {
  CHECK(group_prompts({}).empty());
  CHECK(rows_of({}) == 0);
  CHECK(shared_by({prompt(0, 1, 50)}) == std::vector<int64_t>{0});
  CHECK(shared_by({prompt(40, 1, 5), prompt(40, 2, 9)}) == std::vector<int64_t>{40, 40});
  CHECK(rows_of(std::vector{prompt(40, 1, 5), prompt(40, 2, 9)}) == 40 + 5 + 9);
  CHECK(shared_by({prompt(31, 1, 5), prompt(31, 2, 9)}) == std::vector<int64_t>{0, 0});    // too few
  CHECK(shared_by({prompt(40, 1, 0), prompt(40, 2, 9)}) == std::vector<int64_t>{39, 39});  // one begins the other
  CHECK(shared_by({prompt(40, 1, 5), prompt(40, 1, 5)}) == std::vector<int64_t>{44, 44});  // twins
  CHECK(shared_by({prompt(40, 1, 0), {}, prompt(40, 2, 9)}) == std::vector<int64_t>{0, 0, 0});
}

TEST_CASE("groups are those that save the most rows") {
  // A stranger between them parts them.
  CHECK(shared_by({prompt(40, 1, 5), prompt(40, 2, 5), prompt(0, 3, 90), prompt(50, 4, 5), prompt(50, 5, 5)}) ==
        std::vector<int64_t>{40, 40, 0, 50, 50});
  // One that has less in common stays alone rather than make the others share less.
  CHECK(shared_by({prompt(35, 1, 60), prompt(300, 2, 5), prompt(300, 3, 5), prompt(300, 4, 5)}) ==
        std::vector<int64_t>{0, 300, 300, 300});
  // Two groups whose neighbours have more in common with each other than those of the first have.
  const auto begin_alike = [](int64_t shared, int64_t own, int32_t last) {
    std::vector<int32_t> ids = prompt(35, 3, shared);
    ids.insert(ids.end(), static_cast<size_t>(own), 9);
    ids.push_back(-last);
    return ids;
  };
  CHECK(shared_by({prompt(40, 1, 5), prompt(40, 2, 5), begin_alike(5, 0, 1), begin_alike(5, 0, 2),
                   begin_alike(1, 264, 3), begin_alike(1, 264, 4), begin_alike(1, 264, 5)}) ==
        std::vector<int64_t>{35, 35, 35, 35, 300, 300, 300});
  // Names of which every two begin with the same word: one group, and none of its rows twice.
  std::vector<std::vector<int32_t>> names;
  for (int32_t pair = 0; pair < 32; ++pair)
    for (int32_t last = 0; last < 2; ++last) {
      names.push_back(prompt(1500, 1 + pair, 1));
      names.back().push_back(7 + last);
    }
  CHECK(shared_by(names) == std::vector<int64_t>(64, 1500));
  CHECK(rows_of(names) == 1500 + 64 * 2);
}
