// A name and its value as a recipe gives them.
#pragma once
#include <string>

#include "lethe/base/json.h"

namespace lethe::study {

struct Setting {
  std::string name;
  Json value;         // a text, a number, true or false, or a list of these
  std::string where;  // "extraction.toml:12: people"
};

}  // namespace lethe::study
