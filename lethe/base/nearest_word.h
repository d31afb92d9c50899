// What a mistyped word most likely meant.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace lethe {

// The candidate with the fewest letters to change, or "" where none is near: one letter in a word of up to three, two
// or a third of a longer one.
std::string nearest_word(std::string_view word, std::span<const std::string> candidates);

// For messages about it: " (did you mean BEFOREword?)", or "" where none is near; and the end of one that lists them,
// "did you mean word? Expected a, b".
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates, std::string_view before = "");
std::string known_words(std::string_view word, std::span<const std::string> candidates);

}  // namespace lethe
