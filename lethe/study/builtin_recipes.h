// The recipes of recipes/*.toml, compiled into the program by cmake/recipes.cmake.
#pragma once
#include <span>

namespace lethe::study {

struct RecipeText {
  const char *name, *text;  // "extraction", the file
};

std::span<const RecipeText> builtin_recipe_texts();  // by name

}  // namespace lethe::study
