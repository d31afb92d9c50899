// Normalizers: what is done to a text before it is cut into words.
#pragma once
#include <memory>
#include <string>

#include "lethe/base/json.h"

namespace lethe::text {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // Changes `text` (valid UTF-8) in place; clears `whole` where it drops the text's first character, for what comes
  // later then no longer begins where the text began (Metaspace's prepend_scheme "first" asks).
  virtual void normalize(std::string& text, bool& whole) const = 0;
};

// The normalizer of a file, null where `json` is null; `where` begins every error message.
std::unique_ptr<Normalizer> make_normalizer(const Json& json, const std::string& where);

}  // namespace lethe::text
