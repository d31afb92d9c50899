// A short name for content: FNV-1a, 64 bits. Tells what changed by accident, not by malice.
#pragma once
#include <cstdint>
#include <string_view>

namespace lethe {

// `hash`: of what stands before these bytes.
constexpr uint64_t fnv1a(std::string_view bytes, uint64_t hash = 0xcbf29ce484222325ULL) {
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

}  // namespace lethe
