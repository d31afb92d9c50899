// What a mistyped word most likely meant.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace lethe {

// The candidate with the fewest letters to change, or "" where none is near: one letter in a word of up to three, two
// or a third of a longer one.
std::string nearest_word(std::string_view word, std::span<const std::string> candidates);

}  // namespace lethe
