#include "lethe/run/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lethe/base/error.h"
#include "lethe/base/json.h"

namespace lethe::run {
namespace {

StepMetrics from_json(const Json& j, const std::string& where) {
  return {json_int(j, "step", where),
          json_string(j, "stage", where),
          json_number(j, "loss", where, NAN),
          json_number(j, "learning_rate", where, NAN),
          json_number(j, "grad_norm", where, NAN),
          json_int(j, "tokens", where),
          json_number(j, "tokens_per_second", where, NAN)};
}

}  // namespace

std::string to_json_line(const StepMetrics& m) {
  const double speed = std::round(10 * m.tokens_per_second) / 10;  // more digits would be noise
  const OrderedJson j = {{"step", m.step},
                         {"stage", m.stage},
                         {"loss", m.loss},
                         {"learning_rate", m.learning_rate},
                         {"grad_norm", m.grad_norm},
                         {"tokens", m.tokens},
                         {"tokens_per_second", speed}};
  return json_text(j) + "\n";
}

std::vector<StepMetrics> parse_metrics(std::string_view text, const std::string& where, size_t* bytes) {
  std::vector<StepMetrics> metrics;
  size_t begin = 0;
  for (size_t end; (end = text.find('\n', begin)) != std::string_view::npos; begin = end + 1) {
    const std::string place = fmt::format("{}:{}", where, metrics.size() + 1);
    try {
      metrics.push_back(from_json(parse_json(text.substr(begin, end - begin), place), place));
    } catch (const Error&) {
      if (end + 1 < text.size()) throw;
      break;
    }
  }
  if (bytes) *bytes = begin;
  return metrics;
}

std::vector<StepMetrics> read_metrics(const fs::path& path) {
  if (!fs::exists(path)) return {};
  return parse_metrics(read_file(path), path.string());
}

}  // namespace lethe::run
