#include "lethe/world/make.h"

#include <doctest/doctest.h>

#include "lethe/base/error.h"
#include "lethe/world/world_files.h"
#include "tests/temp_dir.h"

using namespace lethe;
using namespace lethe::world;

namespace {

OrderedJson make(const std::vector<std::string>& arguments) {
  MakeConfig config;
  Options options("world make", "");
  config.add_to(options);
  options.parse(arguments);
  config.resolve(options);
  return make_world(config, 3);
}

}  // namespace

TEST_CASE("world make: couples, and celebrities told in their own way") {
  const TempDir dir;
  const OrderedJson result = make({"--out", (dir / "w").string(), "--people", "20", "--couple", "2", "--celebrities",
                                   "3", "--celebrity-augment", "multi5+fullname"});
  CHECK(result["biographies"] == 20 * 2 + 3 * 5);
  const World world = World::load(dir / "w");
  CHECK(augmentation_name(world.spec.augment) == "couple2");
  CHECK(augmentation_name(world.spec.celebrity_augment) == "multi5+fullname");
  CHECK(world.biographies.size() == 20 * 2 + 3 * 5);
  for (const Biography& biography : world.biographies) {
    const Person& person = world.people[static_cast<size_t>(biography.person)];
    int names = 0;
    for (size_t at = 0; (at = biography.text.find(person.full_name(), at)) != std::string::npos; ++at) ++names;
    CHECK(names == (person.split == Split::kCelebrity ? 6 : 1));
    for (size_t i = 0; i < 6; i += 2)
      CHECK(static_cast<int>(biography.attributes[i].attribute) + 1 ==
            static_cast<int>(biography.attributes[i + 1].attribute));
  }
}

TEST_CASE("world make: words that are none") {
  const TempDir dir;
  const auto fails = [&](std::vector<std::string> arguments, const char* message) {
    arguments.insert(arguments.end(), {"--out", (dir / "w").string()});
    CHECK_THROWS_WITH_AS(make(arguments), doctest::Contains(message), UsageError);
    CHECK_FALSE(fs::exists(dir / "w"));
  };
  fails({"--couple", "3"}, "--couple: '3' is no number of entries, expected 1, 2 or 5");
  fails({"--augment", "multi3"}, "--augment: 'multi3' is no augmentation, expected one of single");
  fails({"--celebrities", "2", "--celebrity-augment", "x"}, "--celebrity-augment: 'x' is no augmentation");
}
