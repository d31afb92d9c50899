// Regular expressions as Hugging Face's tokenizers write them (Oniguruma, Ruby's syntax), rewritten for PCRE2.
#pragma once
#include <string>
#include <string_view>

namespace lethe::text {

// The same expression in PCRE2's syntax (UTF, UCP, MULTILINE): \s, \w, \d, \h, \b and properties with Oniguruma's
// meaning, (?m) as (?s), {,n}, \uHHHH, and {n,m}+ as a repeated repeat. What cannot be said in PCRE2 (nested classes,
// &&, POSIX brackets, \W in a class) is an Error; `where` begins its message.
std::string pcre2_syntax(std::string_view pattern, const std::string& where);

// One word character as Rust's \w has it, with which Hugging Face tells words apart: unlike Oniguruma's with the
// joiners and without the numbers of Latin-1.
inline constexpr char kRustWordCharacter[] = R"((?:(?![\u00b2\u00b3\u00b9\u00bc-\u00be])[\w\u200c\u200d]))";

// `text` as an expression that matches just itself.
std::string quoted_regex(std::string_view text);

}  // namespace lethe::text
