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
// For whoever streams through `bytes` and comes to [begin, end): gives back, now and then, what lies well behind. Other
// threads may still be there; they fault their pages in again.
void release_pages_behind(std::span<const std::byte> bytes, size_t begin, size_t end);

}  // namespace lethe::model
