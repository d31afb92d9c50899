#include "lethe/edit/norms.h"

#include <doctest/doctest.h>

using namespace lethe::edit;

TEST_CASE("a tensor's layer and the name that people know its matrix by") {
  const std::vector<MatrixNorm> norms = matrix_norms({{"model.layers.3.self_attn.q_proj.weight", 1},
                                                      {"model.layers.12.mlp.up_proj.weight", 2},
                                                      {"model.embed_tokens.weight", 3},
                                                      {"transformer.h.0.attn.c_proj.weight", 4},
                                                      {"transformer.h.0.mlp.c_proj.weight", 5},
                                                      {"transformer.h.0.attn.c_proj.bias", 6},
                                                      {"transformer.h.1.mlp.c_proj.weight", 7},
                                                      {"head", 8}});
  const struct {
    int layer;
    const char* matrix;
  } expected[] = {{3, "q_proj"},     {12, "up_proj"},    {-1, "embed_tokens"}, {0, "attn.c_proj"},
                  {0, "mlp.c_proj"}, {0, "c_proj.bias"}, {1, "c_proj"},        {-1, "head"}};
  REQUIRE(norms.size() == std::size(expected));
  for (size_t i = 0; i < norms.size(); ++i) {
    CAPTURE(norms[i].name);
    CHECK(norms[i].layer == expected[i].layer);
    CHECK(norms[i].matrix == expected[i].matrix);
    CHECK(norms[i].norm == static_cast<double>(i + 1));
  }
  CHECK(matrix_norms({}).empty());
}
