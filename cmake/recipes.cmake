# cmake "-DRECIPES=a.toml;b.toml" -DOUT=recipes.cc -P recipes.cmake: the recipes as a source file, so that the program
# needs no files beside it.
set(table "")
foreach(recipe IN LISTS RECIPES)
  get_filename_component(name ${recipe} NAME_WE)
  file(READ ${recipe} text)
  string(APPEND table "    {\"${name}\", R\"recipe(${text})recipe\"},\n")
endforeach()
file(WRITE ${OUT} "// Written by cmake/recipes.cmake.
#include \"lethe/study/builtin_recipes.h\"

namespace lethe::study {

std::span<const RecipeText> builtin_recipe_texts() {
  static constexpr RecipeText kRecipes[] = {
${table}  };
  return kRecipes;
}

}  // namespace lethe::study
")
