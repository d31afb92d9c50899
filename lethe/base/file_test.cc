#include "lethe/base/file.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"
#include "tests/temp_dir.h"

using namespace lethe;

TEST_CASE("write_file, read_file and MappedFile agree") {
  TempDir dir;
  const std::string text("one\0two", 7);
  write_file(dir / "a", text);
  CHECK(read_file(dir / "a") == text);
  MappedFile map(dir / "a");
  CHECK(std::string(reinterpret_cast<const char*>(map.bytes().data()), map.bytes().size()) == text);
  write_file(dir / "empty", "");
  CHECK(read_file(dir / "empty").empty());
  CHECK(MappedFile(dir / "empty").bytes().empty());
}

TEST_CASE("an AtomicFile that is not committed leaves the old file and nothing beside it") {
  TempDir dir;
  write_file(dir / "a", "old");
  {
    AtomicFile file(dir / "a");
    file.write("new");
  }
  CHECK(read_file(dir / "a") == "old");
  CHECK(!fs::exists(dir / "a.part"));
}

TEST_CASE("errors name the path and the reason") {
  TempDir dir;
  CHECK_THROWS_WITH_AS(read_file(dir / "none"), doctest::Contains("No such file"), Error);
  CHECK_THROWS_WITH_AS(read_file(dir.path()), doctest::Contains("directory"), Error);
  CHECK_THROWS_WITH_AS(write_file(dir / "no" / "x", ""), doctest::Contains("No such file"), Error);
}

TEST_CASE("lines with either ending, the last without one") {
  TempDir dir;
  write_file(dir / "l", "a\r\n\nb");
  std::string seen;
  for_each_line(dir / "l",
                [&](int64_t n, std::string_view s) { seen += std::to_string(n) + "=" + std::string(s) + ";"; });
  CHECK(seen == "1=a;2=;3=b;");
}
