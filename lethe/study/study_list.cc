#include "lethe/study/study_list.h"

#include <fmt/format.h>

#include "lethe/run/progress.h"
#include "lethe/study/recipe.h"

namespace lethe::study {

std::string study_list() {
  std::string text;
  for (const Recipe& recipe : builtin_recipes()) {
    text += fmt::format("{}: {}\n  {}\n", recipe.name, recipe.page.title, recipe.page.explains);
    for (const Scale& scale : recipe.scales)
      text += fmt::format("  {:<12} {}, {}\n", scale.name, run::duration_text(60 * scale.minutes), scale.machine);
    text += "\n";
  }
  return text + "`lethe study NAME` runs one at its first scale; `--dry-run` tells what it would do.\n";
}

OrderedJson study_list_json() {
  OrderedJson list = OrderedJson::array();
  for (const Recipe& recipe : builtin_recipes()) {
    OrderedJson scales = OrderedJson::array();
    for (const Scale& scale : recipe.scales)
      scales.push_back({{"name", scale.name}, {"machine", scale.machine}, {"minutes", scale.minutes}});
    list.push_back({{"name", recipe.name},
                    {"title", recipe.page.title},
                    {"explains", recipe.page.explains},
                    {"scales", std::move(scales)}});
  }
  return list;
}

}  // namespace lethe::study
