// Reads the [[section]]s of a recipe (lethe/run/study_page.h), and checks that what they show is there.
#pragma once
#include <vector>

#include "lethe/base/toml_table.h"
#include "lethe/study/recipe.h"

namespace lethe::study {

run::StudySection read_section(TomlTable table, const Recipe& recipe);  // of which grid and stages are read

// { axis = value or list of values } of `only`, `when`, `unless`, and a scale's grid.
std::vector<Condition> read_conditions(TomlTable table, const std::vector<Axis>& grid);

}  // namespace lethe::study
