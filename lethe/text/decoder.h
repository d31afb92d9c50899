// Decoders: the texts of tokens back to the text that they were made from.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "lethe/base/json.h"

namespace lethe::text {

class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual void decode(
      std::vector<std::string>& tokens) const = 0;  // in place; the text is what they say one after the other
};

// The decoder of a file, null where `json` is null; `where` begins every error message.
std::unique_ptr<Decoder> make_decoder(const Json& json, const std::string& where);

}  // namespace lethe::text
