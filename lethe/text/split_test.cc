#include "lethe/text/split.h"

#include <doctest/doctest.h>

#include <vector>

#include "lethe/base/error.h"

using namespace lethe;
using namespace lethe::text;
using Strings = std::vector<std::string>;

namespace {

// The pieces of `text` cut at each '-'.
Strings pieces(const std::string& text, const char* behavior, bool invert = false) {
  Strings out;
  const auto keep = [&](size_t begin, size_t end) { out.push_back(text.substr(begin, end - begin)); };
  Splitter splitter(text, split_behavior(behavior, "test"), keep);
  for (size_t at = 0; (at = text.find('-', at)) != std::string::npos; ++at) splitter.match(at, at + 1, invert);
  splitter.finish(invert);
  return out;
}

}  // namespace

TEST_CASE("what becomes of the matches") {  // the table in Hugging Face's documentation of SplitDelimiterBehavior
  const std::string text = "the-final--countdown";
  CHECK(pieces(text, "Removed") == Strings{"the", "final", "countdown"});
  CHECK(pieces(text, "Isolated") == Strings{"the", "-", "final", "-", "-", "countdown"});
  CHECK(pieces(text, "Contiguous") == Strings{"the", "-", "final", "--", "countdown"});
  CHECK(pieces(text, "MergedWithPrevious") == Strings{"the-", "final-", "-", "countdown"});
  CHECK(pieces(text, "MergedWithNext") == Strings{"the", "-final", "-", "-countdown"});
}

TEST_CASE("matches at the ends, and inverted") {
  CHECK(pieces("-a-", "MergedWithPrevious") == Strings{"-", "a-"});
  CHECK(pieces("-a-", "MergedWithNext") == Strings{"-a", "-"});
  CHECK(pieces("--", "MergedWithNext") == Strings{"-", "-"});
  CHECK(pieces("a--b", "Removed", true) == Strings{"-", "-"});
  CHECK(pieces("", "Isolated").empty());
  CHECK_THROWS_WITH_AS(pieces("", "Merged"), doctest::Contains("known are Removed, Isolated, Contiguous"), Error);
}
