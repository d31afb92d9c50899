// One record of any format, told by its fields, as a Fact. The formats are described in facts.h.
#pragma once
#include <string>
#include <vector>

#include "lethe/facts/facts.h"
#include "lethe/facts/records.h"

namespace lethe::facts {

Fact to_fact(const Record& record);

// A pair of Alpaca records with the same question: the old answer and the new one.
Fact to_fact(const Record& old_record, const Record& new_record);

}  // namespace lethe::facts
