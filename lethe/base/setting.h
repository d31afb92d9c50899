// A name and its value as a TOML file gives them (toml_table.h, which only reads files: it brings all of TOML with it).
#pragma once
#include <string>

#include "lethe/base/json.h"

namespace lethe {

struct Setting {
  std::string name;
  Json value;         // a text, a number, true or false, or a list of these
  std::string where;  // "extraction.toml:12: people"
};

}  // namespace lethe
