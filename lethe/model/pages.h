// Advice to the system about the pages of mapped files, so that streaming through them is fast and leaves little
// behind.
#pragma once
#include <cstddef>
#include <span>

namespace lethe::model {

// Maps the pages that hold these bytes at once, instead of one fault for each few of them.
void populate_pages(std::span<const std::byte> bytes);
// Gives them back; they can be read again.
void release_pages(std::span<const std::byte> bytes);

}  // namespace lethe::model
