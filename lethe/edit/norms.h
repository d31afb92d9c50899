// How far each matrix moved, under the names that people know it by: the paper's figures 4 and 5.
#pragma once
#include <string>
#include <vector>

namespace lethe::edit {

struct MatrixNorm {
  std::string name;  // of the tensor
  int layer = -1;    // -1 outside the layers
  std::string
      matrix;       // "q_proj"; where a layer has two of one name, a part more of theirs: "attn.c_proj", "mlp.c_proj"
  double norm = 0;  // Euclidean
};

// The tensor's name with its norm; the layer is the first part of the name that is a number.
struct NamedNorm {
  std::string name;
  double norm;
};
std::vector<MatrixNorm> matrix_norms(const std::vector<NamedNorm>& norms);

}  // namespace lethe::edit
