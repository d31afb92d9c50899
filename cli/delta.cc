// lethe delta: arithmetic on weights. diff makes a DELTA, apply adds one to a model, show tells how far each matrix
// moved.
#include "lethe/edit/delta.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "cli/program.h"

namespace lethe::cli {
namespace {

void written(const Common& common, const fs::path& out) {
  if (common.json) return print_json(OrderedJson::object({{"out", out.string()}}));
  print(fmt::format("written: {}\n", out.string()));
}

void diff(Arguments arguments) {
  fs::path base, tuned, out;
  bool overwrite = false;
  Common common;
  Options options("delta diff", "DELTA = TUNED - BASE: what tuning moved, as a safetensors file.");
  options.example("delta diff SmolLM2 tuned --out moved.safetensors", "tensors that did not move are left out");
  options.add("base", base, "the model before").positional().required();
  options.add("tuned", tuned, "the model after; the same parameters").positional().required();
  options.group("Options");
  options.add("out", out, "the DELTA to write").placeholder("FILE").required();
  options.add("overwrite", overwrite, "replace the file --out, where it exists").flag();
  if (!common.start(options, arguments)) return;
  edit::delta_diff(base, tuned, out, overwrite);
  written(common, out);
}

void apply(Arguments arguments) {
  fs::path model, delta, out;
  double scale = 1;
  bool overwrite = false;
  Common common;
  Options options("delta apply", "MODEL + scale * DELTA in fp32, rounded once to the model's own types.");
  options.example("delta apply SmolLM2 old-facts.safetensors --scale -0.3 --out forgetful",
                  "forget what the delta learned");
  options.example("delta apply SmolLM2 my-adapter --scale 1 --out merged", "DELTA may be a PEFT adapter");
  options.add("model", model, "a Hugging Face directory or a .gguf file").positional().required();
  options.add("delta", delta, "what `delta diff` wrote, or a PEFT adapter directory").positional().required();
  options.group("Options");
  options.add("scale", scale, "how much of it; negative to undo");
  options.add("out", out, "the model to write").placeholder("DIR").required();
  options.add("overwrite", overwrite, "replace the model in --out, where there is one; other files stay").flag();
  if (!common.start(options, arguments)) return;
  edit::delta_apply(model, delta, scale, out, overwrite);
  written(common, out);
}

// A line a layer, a column a matrix; what lies outside the layers below.
std::string norm_table(const std::vector<edit::MatrixNorm>& norms) {
  std::vector<std::string> columns;
  std::map<int, std::map<std::string, double>> layers;
  std::string outside;
  for (const edit::MatrixNorm& norm : norms) {
    if (norm.layer < 0) {
      outside += fmt::format("{:>12.5g}  {}\n", norm.norm, norm.name);
      continue;
    }
    layers[norm.layer][norm.matrix] = norm.norm;
    if (std::find(columns.begin(), columns.end(), norm.matrix) == columns.end()) columns.push_back(norm.matrix);
  }
  if (layers.empty()) return outside;
  std::string table = "layer";
  for (const std::string& column : columns) table += fmt::format("  {:>12}", column);
  for (const auto& [layer, row] : layers) {
    table += fmt::format("\n{:>5}", layer);
    for (const std::string& column : columns) {
      const auto cell = row.find(column);
      table += cell == row.end() ? fmt::format("  {:>12}", "-") : fmt::format("  {:>12.5g}", cell->second);
    }
  }
  return table + "\n" + outside;
}

void show(Arguments arguments) {
  fs::path delta;
  Common common;
  Options options("delta show", "The Euclidean norm of each tensor of a DELTA, by layer.");
  options.example("delta show moved.safetensors", "a line a layer, a column a matrix");
  options.example("delta show moved.safetensors --json",
                  "{\"norm\", \"tensors\": [{\"name\", \"layer\", \"matrix\", \"norm\"}]}");
  options.add("delta", delta, "what `delta diff` wrote").positional().required();
  if (!common.start(options, arguments)) return;

  const std::vector<edit::MatrixNorm> norms = edit::delta_norms(delta);
  double squares = 0;
  OrderedJson tensors = OrderedJson::array();
  for (const edit::MatrixNorm& norm : norms) {
    squares += norm.norm * norm.norm;
    OrderedJson entry{{"name", norm.name}, {"layer", nullptr}, {"matrix", norm.matrix}, {"norm", norm.norm}};
    if (norm.layer >= 0) entry["layer"] = norm.layer;
    tensors.push_back(std::move(entry));
  }
  if (common.json) return print_json({{"norm", std::sqrt(squares)}, {"tensors", std::move(tensors)}});
  print(norm_table(norms) + fmt::format("{:>12.5g}  all of it\n", std::sqrt(squares)));
}

constexpr Verb kDeltaVerbs[] = {
    {"diff", "DELTA = TUNED - BASE, a safetensors file", diff},
    {"apply", "MODEL + scale * DELTA; DELTA may be a PEFT adapter", apply},
    {"show", "the norm of each matrix by layer", show},
};

}  // namespace

void delta(Arguments arguments) {
  run_verbs("delta", "arithmetic on weights", kDeltaVerbs, arguments,
            "  lethe delta diff SmolLM2 tuned --out moved.safetensors\n"
            "  lethe delta show moved.safetensors\n"
            "  lethe delta apply SmolLM2 moved.safetensors --scale -0.3 --out forgetful\n");
}

}  // namespace lethe::cli
