#include "lethe/text/model.h"

#include "lethe/base/error.h"
#include "lethe/base/interrupt.h"
#include "lethe/text/bpe.h"
#include "lethe/text/component.h"
#include "lethe/text/word_level.h"

namespace lethe::text {

void stop_if_interrupted() {
  if (interrupted()) throw Interrupted("interrupted while tokenising");
}

std::unique_ptr<Model> make_model(const Json& model, const std::string& where) {
  static constexpr std::string_view kKnown[] = {"BPE", "WordLevel"};
  // Files of old versions leave the type out where it is BPE.
  const std::string type = json_string(model, "type", where, model.contains("merges") ? "BPE" : "");
  if (type == "BPE") return std::make_unique<Bpe>(model, where);
  if (type == "WordLevel") return std::make_unique<WordLevel>(model, where);
  fail_unknown(where, "type", type, kKnown);
}

}  // namespace lethe::text
