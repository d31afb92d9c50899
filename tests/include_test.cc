// The storeys of the house: every #include "lethe/..." under lethe/ must be an edge of this table (a module may always
// include itself). `text`, `facts`, `world` and `run` know no tensors, so the data half builds without the engine.
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "lethe/base/file.h"

namespace {

using lethe::fs::path;
using Modules = std::set<std::string>;

const std::map<std::string, Modules> kMayInclude = {
    {"base", {}},
    {"tensor", {"base"}},
    {"text", {"base"}},
    {"facts", {"base"}},
    {"world", {"base"}},
    {"run", {"base"}},
    {"model", {"tensor", "base"}},
    {"train", {"model", "text", "run", "tensor", "base"}},
    {"edit", {"train", "model", "facts", "text", "tensor", "run", "base"}},
    {"measure", {"train", "model", "text", "facts", "world", "tensor", "run", "base"}},
    {"study", {"measure", "edit", "train", "model", "run", "world", "facts", "text", "tensor", "base"}},
};

std::vector<std::string> included_paths(const std::string& source) {
  std::vector<std::string> paths;
  std::istringstream lines(source);
  for (std::string line; std::getline(lines, line);) {
    const size_t hash = line.find_first_not_of(" \t");
    if (hash == std::string::npos || line[hash] != '#') continue;
    const size_t open = line.find_first_of("\"<", hash);
    if (line.find("include", hash) > open || open == std::string::npos) continue;
    const size_t close = line.find_first_of("\">", open + 1);
    if (close != std::string::npos) paths.push_back(line.substr(open + 1, close - open - 1));
  }
  return paths;
}

// What is wrong with the includes of `file` (relative to the root), a line each.
std::vector<std::string> wrong_includes(const path& file, const std::string& source) {
  std::vector<std::string> wrong;
  const std::string from = std::next(file.begin())->string();
  const auto row = kMayInclude.find(from);
  if (row == kMayInclude.end()) return {fmt::format("{}: no module '{}' in the table", file.string(), from)};
  for (const std::string& included : included_paths(source)) {
    const path target(included);
    if (target.begin()->string() == "cli" || included.starts_with(".")) {
      wrong.push_back(fmt::format("{}: includes \"{}\"", file.string(), included));
    } else if (target.begin()->string() == "lethe") {
      const std::string to = std::next(target.begin())->string();
      if (to != from && !row->second.contains(to)) {
        wrong.push_back(fmt::format("{}: {} may not include {} (\"{}\")", file.string(), from, to, included));
      }
    }
  }
  return wrong;
}

TEST_CASE("includes point downwards only") {
  int files = 0;
  for (const auto& entry : lethe::fs::recursive_directory_iterator("lethe")) {
    if (entry.path().extension() != ".cc" && entry.path().extension() != ".h") continue;
    ++files;
    for (const std::string& line : wrong_includes(entry.path(), lethe::read_file(entry.path()))) FAIL_CHECK(line);
  }
  CHECK(files > 10);
}

TEST_CASE("a forbidden edge, an unknown module and a way around the table are seen") {
  CHECK(wrong_includes("lethe/text/a.cc", "#include \"lethe/base/json.h\"\n#include \"lethe/text/b.h\"\n").empty());
  CHECK(wrong_includes("lethe/text/a.cc", "#include \"lethe/tensor/tensor.h\"\n").size() == 1);
  CHECK(wrong_includes("lethe/text/a.cc", "  # include <lethe/model/config.h>\n").size() == 1);
  CHECK(wrong_includes("lethe/model/a.cc", "#include \"lethe/train/loop.h\"\n").size() == 1);
  CHECK(wrong_includes("lethe/base/a.cc", "#include \"lethe/attic/ghost.h\"\n").size() == 1);
  CHECK(wrong_includes("lethe/attic/a.cc", "").size() == 1);
  CHECK(wrong_includes("lethe/base/a.cc", "#include \"../model/config.h\"\n#include \"cli/verbs.h\"\n").size() == 2);
}

TEST_CASE("the data half knows no tensors") {
  for (const char* module : {"text", "facts", "world", "run"}) CHECK(kMayInclude.at(module) == Modules{"base"});
}

TEST_CASE("the table has no cycle") {
  for (const auto& [from, targets] : kMayInclude) {
    for (const std::string& to : targets) CHECK_FALSE(kMayInclude.at(to).contains(from));
  }
}

}  // namespace
