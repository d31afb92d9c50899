// What the tests of this module share: tiny models with a tokenizer, whose weights the tests make.
#pragma once
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "lethe/model/model_files.h"
#include "lethe/model/transformer.h"
#include "lethe/text/tokenizer.h"

namespace lethe::measure {

inline const fs::path kGolden = fs::path(__FILE__).parent_path().parent_path().parent_path() / "tests/golden";

struct Tiny {  // a llama with a tied head and a tokenizer
  model::ModelFiles files = model::ModelFiles::open(kGolden / "gguf/llama-tied/model.gguf");
  text::Tokenizer tokenizer =
      text::Tokenizer::from_json(files.tokenizer_json(), "the tiny model", files.tokenizer_config());

  // Every weight is `value`: with 0 all tokens are equally probable.
  model::Transformer constant(float value) const {
    return model::Transformer::load(files, tensor::DType::kF32, false,
                                    [value](const model::StoredTensor& tensor, float* out) {
                                      std::fill_n(out, tensor.size(), value);
                                      return true;
                                    });
  }

  // Its layers do nothing, so that a token's logit after another is the product of their embeddings (the last one of
  // unit root mean square); of tokens that are not given the embedding is 0.
  model::Transformer of_embeddings(const std::map<int32_t, std::vector<float>>& embeddings) const {
    return model::Transformer::load(files, tensor::DType::kF32, false,
                                    [&](const model::StoredTensor& tensor, float* out) {
                                      std::fill_n(out, tensor.size(), tensor.name == "model.norm.weight" ? 1.0f : 0.0f);
                                      if (tensor.name == "model.embed_tokens.weight")
                                        for (const auto& [id, row] : embeddings)
                                          std::copy(row.begin(), row.end(), out + id * tensor.cols());
                                      return true;
                                    });
  }
};

}  // namespace lethe::measure
