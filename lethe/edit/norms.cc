#include "lethe/edit/norms.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

namespace lethe::edit {
namespace {

// The last parts of a tensor's name: of "model.layers.3.self_attn.q_proj.weight" one is "q_proj".
std::string last_parts(const std::string& name, int parts) {
  const std::string module = name.ends_with(".weight") ? name.substr(0, name.size() - 7) : name;
  if (module.ends_with(".bias")) ++parts;
  size_t begin = module.size() + 1;
  for (; parts > 0 && begin > 0; --parts) {
    const size_t dot = begin < 2 ? std::string::npos : module.rfind('.', begin - 2);
    begin = dot == std::string::npos ? 0 : dot + 1;
  }
  return module.substr(begin);
}

// The first part that is a number; -1: there is none.
int layer_of(const std::string& name) {
  for (size_t begin = 0; begin < name.size();) {
    const size_t end = std::min(name.find('.', begin), name.size());
    int layer;
    const auto [at, error] = std::from_chars(name.data() + begin, name.data() + end, layer);
    if (error == std::errc() && at == name.data() + end) return layer;
    begin = end + 1;
  }
  return -1;
}

}  // namespace

std::vector<MatrixNorm> matrix_norms(const std::vector<NamedNorm>& named) {
  std::vector<MatrixNorm> norms;
  for (const auto& [name, norm] : named) norms.push_back({name, layer_of(name), last_parts(name, 1), norm});
  std::map<std::pair<int, std::string>, int> count;
  for (const MatrixNorm& norm : norms) ++count[{norm.layer, norm.matrix}];
  for (MatrixNorm& norm : norms)
    if (count[{norm.layer, norm.matrix}] > 1) norm.matrix = last_parts(norm.name, 2);
  return norms;
}

}  // namespace lethe::edit
