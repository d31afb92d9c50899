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

TEST_CASE("an --out that exists is refused unless it is to be overwritten, and only by its own kind") {
  TempDir dir;
  fs::create_directory(dir / "empty");
  write_file(dir / "file", "");
  check_out(dir / "new", OutKind::kModel, false);
  check_out(dir / "new", OutKind::kFile, false);
  const auto refused = [&](const char* name, OutKind kind, bool overwrite, const char* message) {
    CHECK_THROWS_WITH_AS(check_out(dir / name, kind, overwrite, "; or not"), doctest::Contains(message), Error);
  };
  refused("empty", OutKind::kModel, false, "empty exists; --overwrite replaces the model or world in it; or not");
  refused("file", OutKind::kFile, false, "--out /");
  CHECK_THROWS_WITH_AS(check_out(dir / "file", OutKind::kFile, false, "", "--rows"), doctest::Contains("--rows /"),
                       Error);
  refused("file", OutKind::kFile, false, "file exists; --overwrite replaces it; or not");
  check_out(dir / "empty", OutKind::kModel, true);
  check_out(dir / "file", OutKind::kFile, true);
  write_file(dir / "empty" / "config.json", "{}");
  refused("empty", OutKind::kWorld, true, "empty holds a model, config.json, which is not replaced");
  check_out(dir / "empty", OutKind::kModel, true);
  refused("empty", OutKind::kFile, true, "a file is expected");
  for (const char* name : {"adapter", "world"}) fs::create_directory(dir / name);
  write_file(dir / "adapter" / "adapter_config.json", "{}");
  write_file(dir / "world" / "world.toml", "");
  refused("adapter", OutKind::kWorld, true, "holds an adapter, adapter_config.json");
  refused("world", OutKind::kModel, true, "holds a world, world.toml");
  check_out(dir / "world", OutKind::kWorld, true);
  refused("file", OutKind::kModel, true, "a directory is expected");
  fs::create_symlink("/dev/null", dir / "device");
  refused("device", OutKind::kFile, true, "device is no regular file, which cannot be replaced; give another");
}

TEST_CASE("an output is not what is read, under another name either") {
  TempDir dir;
  write_file(dir / "file", "");
  fs::create_symlink(dir / "file", dir / "link");
  check_not_read(dir / "new", dir / "file");
  check_not_read(dir / "file", "");
  CHECK_THROWS_WITH_AS(check_not_read(dir / "link", dir / "file"), doctest::Contains("file, which is read"), Error);
  CHECK_THROWS_WITH_AS(check_not_read(dir / "file", dir / "file", "--rows"), doctest::Contains("--rows /"), Error);
}

TEST_CASE("the name of a path, with and without a slash at its end") {
  for (const char* path : {"models/smollm2", "models/smollm2/", "smollm2", "models/../smollm2/.", "/smollm2"})
    CHECK(name_of(path) == "smollm2");
  CHECK(name_of(".") == fs::current_path().filename());
}

TEST_CASE("lines with either ending, the last without one") {
  TempDir dir;
  write_file(dir / "l", "a\r\n\nb");
  std::string seen;
  for_each_line(dir / "l",
                [&](int64_t n, std::string_view s) { seen += std::to_string(n) + "=" + std::string(s) + ";"; });
  CHECK(seen == "1=a;2=;3=b;");
}
