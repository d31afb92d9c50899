#include "lethe/study/finetune.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"
#include "lethe/base/file.h"
#include "tests/temp_dir.h"

using namespace lethe;
using study::FinetuneConfig;

namespace {

using Words = std::vector<std::string>;

// The options of `lethe finetune` as they are resolved; nothing is trained.
std::string resolved_options(const Words& arguments) {
  FinetuneConfig config;
  Options options("finetune", "");
  config.add_to(options);
  REQUIRE(options.parse(arguments));
  config.resolve(options);
  return options.toml();
}

struct Arguments {
  TempDir dir;
  Words on_world = {"model", (dir / "w").string(), "--out", "tuned"};

  Arguments() {
    fs::create_directories(dir / "w");
    write_file(dir / "w" / "world.toml", "");
  }
  Words world_and(const Words& more) const {
    Words all = on_world;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
};

}  // namespace

TEST_CASE("finetune: on a WORLD a run is repeated by its config.toml, whatever was set") {
  const Arguments arguments;
  const std::string file = (arguments.dir / "config.toml").string();
  const Words none_of_the_worlds = {"--embedding-rank=0", "--lr-scheduler-type=linear",      "--min-lr-rate=0",
                                    "--weight-decay=0",   "--per-device-train-batch-size=8", "--lora-alpha=16",
                                    "--adam-epsilon=1e-8"};
  for (const Words& more : {Words{}, none_of_the_worlds, Words{"--method", "full"}, Words{"--optim", "sgd"},
                            Words{"--lr-scheduler-type", "constant"}}) {
    const std::string first = resolved_options(arguments.world_and(more));
    write_file(file, first);
    CHECK(resolved_options({"--config", file}) == first);
  }
  // The other method has its own defaults again.
  write_file(file, resolved_options(arguments.on_world));
  CHECK(resolved_options({"--config", file, "--method", "full"}) ==
        resolved_options(arguments.world_and({"--method", "full"})));
}

TEST_CASE("finetune: what has no effect is refused") {
  const Arguments arguments;
  const auto refused = [](const Words& words, const char* says) {
    CHECK_THROWS_WITH_AS(resolved_options(words), says, UsageError);
  };
  refused(arguments.world_and({"--max-seq-length", "64"}),
          "--max-seq-length has no effect: a world's questions are asked whole");
  refused(arguments.world_and({"--method", "full", "--embedding-rank", "4"}),
          "--embedding-rank has no effect: full trains no LoRA");
}
