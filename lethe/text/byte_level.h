// GPT-2's alphabet of bytes: each byte as one printable character, so that a vocabulary of bytes can be written as
// text. Printable bytes of Latin-1 stand for themselves, the others, in order, for U+0100 onwards ("Ġ" is the space).
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace lethe::text {

std::string_view byte_character(unsigned char byte);                    // UTF-8, 1 or 2 bytes
void append_byte_characters(std::string& out, std::string_view bytes);  // each byte as its character
// The bytes that the characters of `text` stand for; nothing where one stands for no byte.
std::optional<std::string> bytes_of_characters(std::string_view text);

}  // namespace lethe::text
