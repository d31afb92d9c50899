// Fields of a native record that are nearly known ones: what would otherwise be left out without a word.
#pragma once
#include "lethe/facts/records.h"

namespace lethe::facts {

// Error where a field of the record, or of one of its locality and portability questions, is not known but most likely
// meant one that is and is missing: "rephrases", "Old", "oldAnswer", "anwser". Other unknown fields may stand: "id",
// "notes", also those about a known one, "prompt_id".
void check_spelling(const Record& record);

}  // namespace lethe::facts
