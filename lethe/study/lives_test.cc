#include "lethe/study/lives.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"
#include "tests/temp_dir.h"

using namespace lethe;
using study::Lives;

TEST_CASE("lives.jsonl: what is damaged is told, with its line and field") {
  const TempDir dir;
  const fs::path file = dir / "lives.jsonl";
  world::World world;
  world.people.emplace_back();
  const OrderedJson settings{{"seed", 1}};
  const auto resume = [&](const std::string& lines) {
    write_file(file, lines);
    Lives lives(world, false, 2);
    study::LivesFile(file, settings, true, lives);
    return lives.tally();
  };
  const auto refused = [&](const std::string& lines, const char* says) {
    CHECK_THROWS_WITH_AS(resume(lines), doctest::Contains(says), Error);
  };
  const auto wave = [](const char* number, const char* rest) {
    return fmt::format(
        "{{\"seed\":1}}\n{{\"answers\":[{{\"person\":0,\"version\":0,\"try\":{},\"ended\":true,\"text\":\"\"}}],"
        "\"seconds\":1,{}}}\n",
        number, rest);
  };
  CHECK(resume(wave("0", "\"tokens\":3,\"earlier\":true")).earlier == 1);
  refused(wave("0", "\"tokens\":3,\"earlier\":\"x\""),
          "lives.jsonl, line 2: \"earlier\" is \"x\", expected true or false");
  for (const char* number : {"9223372036854775807", "65536", "-1"})
    refused(wave(number, "\"tokens\":3"),
            fmt::format("lives.jsonl, line 2: \"try\" is {}, expected 0 to 65535", number).c_str());
  refused(wave("0", "\"tokens\":9223372036854775807"), "line 2: \"tokens\" is 9223372036854775807, expected 0 to ");
  refused("5\n", "lives.jsonl, line 1: found 5, expected an object");

  write_file(file, "[]\n");
  CHECK_THROWS_WITH_AS(study::earlier_answers(file, settings, Lives(world, false, 2)),
                       doctest::Contains("lives.jsonl, line 1: found [], expected an object"), Error);
}
