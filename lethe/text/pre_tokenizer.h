// Pre-tokenizers: a text is cut into the words that the model then splits into tokens.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lethe/base/json.h"
#include "lethe/text/function_ref.h"

namespace lethe::text {

struct Piece {
  std::string_view text;  // never empty
  bool first;             // it begins where the whole text begins
};
using PieceSink = FunctionRef<void(Piece)>;

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void split(Piece piece, PieceSink out) const = 0;
};

// The steps of a file's pre-tokenizer, one behind the other; none at all where it is null.
class PreTokenizers {
 public:
  // `where` begins every error message.
  PreTokenizers(const Json& json, const std::string& where);

  // The last step is ByteLevel: the words come as they are, their bytes standing for characters of GPT-2's alphabet.
  bool raw_bytes() const { return raw_bytes_; }
  void split(Piece piece, PieceSink out) const { run(0, piece, out); }

 private:
  void add(const Json& json, const std::string& where, bool last);
  void run(size_t step, Piece piece, PieceSink out) const;

  std::vector<std::unique_ptr<PreTokenizer>> steps_;
  bool raw_bytes_ = false;
};

}  // namespace lethe::text
