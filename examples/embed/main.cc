// complete MODEL PROMPT: a prompt completed by a model directory or a .gguf file, in your own program.
// complete MODEL --ids 1 2 3: the same in token ids, for a model without a tokenizer.
// Signal handlers of your own need a stack of their own (sigaltstack): see lethe/base/interrupt.h.
#include <lethe/model/generate.h>
#include <lethe/text/tokenizer.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>

using namespace lethe;

int main(int argc, char** argv) try {
  if (argc < 3) {
    std::cerr << "usage: complete MODEL PROMPT | complete MODEL --ids ID ...\n";
    return 2;
  }
  const model::ModelFiles files = model::ModelFiles::open(argv[1]);
  model::Transformer transformer = model::Transformer::load(files, tensor::DType::kF32, /*train=*/false);

  std::optional<text::Tokenizer> tokenizer;
  std::vector<int32_t> prompt;
  if (std::string(argv[2]) == "--ids") {
    for (int i = 3; i < argc; ++i) prompt.push_back(std::atoi(argv[i]));
  } else {
    tokenizer = text::Tokenizer::from_json(files.tokenizer_json(), argv[1], files.tokenizer_config());
    prompt = tokenizer->encode(argv[2], /*add_special_tokens=*/true);
  }

  model::GenerateOptions options;
  options.max_new_tokens = 20;
  options.stop_ids.assign(files.config().eos_ids.begin(), files.config().eos_ids.end());
  const std::vector<int32_t> ids = model::generate(transformer, {{prompt}}, options)[0];

  if (tokenizer) {
    std::cout << argv[2] << tokenizer->decode(ids, /*skip_special_tokens=*/true);
  } else {
    for (const int32_t id : ids) std::cout << id << ' ';
  }
  std::cout << '\n';
} catch (const std::exception& error) {
  std::cerr << "complete: " << error.what() << '\n';
  return 1;
}
