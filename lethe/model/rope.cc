#include <cmath>
#include <numbers>

#include "lethe/model/config.h"

namespace lethe::model {

// Source: transformers' modeling_rope_utils: default, linear (Chen et al. 2023), llama3 (smooth between two wave
// lengths).
std::vector<float> rotary_inverse_frequencies(const ModelConfig& config) {
  const RopeConfig& rope = config.rope;
  std::vector<float> inverse(static_cast<size_t>(config.rotary_dim / 2));
  for (size_t i = 0; i < inverse.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(config.rotary_dim);
    float f = 1.0f / static_cast<float>(std::pow(rope.theta, static_cast<double>(exponent)));
    if (rope.scaling == RopeConfig::Scaling::kLinear) f /= static_cast<float>(rope.factor);
    if (rope.scaling == RopeConfig::Scaling::kLlama3) {
      const double wave_length = 2 * std::numbers::pi / f;
      const double low = rope.original_max_positions / rope.low_freq_factor;
      const double high = rope.original_max_positions / rope.high_freq_factor;
      if (wave_length > low) {
        f = static_cast<float>(f / rope.factor);
      } else if (wave_length >= high) {
        const double smooth = (rope.original_max_positions / wave_length - rope.low_freq_factor) /
                              (rope.high_freq_factor - rope.low_freq_factor);
        f = static_cast<float>((1 - smooth) * f / rope.factor + smooth * f);
      }
    }
    inverse[i] = f;
  }
  return inverse;
}

}  // namespace lethe::model
