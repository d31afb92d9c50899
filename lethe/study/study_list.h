// What `study --list` prints of Lethe's own recipes.
#pragma once
#include <string>

#include "lethe/base/json.h"

namespace lethe::study {

std::string study_list();
OrderedJson study_list_json();  // [{"name", "title", "explains", "scales": [{"name", "machine", "minutes"}]}]

}  // namespace lethe::study
