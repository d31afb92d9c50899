// Linear probes: what can be read of a frozen model's last hidden states. One set of trained numbers a target (a
// ProbeHead), shared by all positions that are read; AdamW, its learning rate falling to 0 in a line.
// Physics of Language Models 3.1, section 5, with two differences: there dropout is on in the frozen model, ours are
// trained without and have none; and tokens that fewer than ten training subjects have get no update of the embedding,
// which would learn these subjects by heart (the paper's world has no such names).
//
// All targets see the same batches. With an update of the embedding each has its own hidden states: a step packs a copy
// of the batch for every target and runs them as one, forward and backward. Without (rank 0) the hidden states of all
// inputs are computed once and kept (4 bytes x inputs x positions x hidden size), and a step trains heads alone.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "lethe/measure/probe_head.h"
#include "lethe/measure/score.h"

namespace lethe::measure {

struct ProbeInput {
  std::vector<int32_t> ids;
  std::vector<int32_t> rows;  // where it is read; as many in all inputs: position 0, 1, ...
  int64_t subject = 0;        // whom it is about
  int64_t label = 0;          // its place in the targets' labels
};

struct ProbeTarget {
  std::string name;
  int64_t classes = 0;
  std::vector<int32_t> labels;       // classes, by ProbeInput::label
  std::vector<int32_t> tokens = {};  // of each class, for kUnembedding
};

// kTrained: a linear classifier that starts at random, as in the paper. kUnembedding: the model's own output embedding,
// of each class the row of its token; only the norm and the update of the embedding are trained. So a world whose
// values have few people each can be probed: there are no rows to learn from them.
enum class ProbeClassifier { kTrained, kUnembedding };

struct ProbeOptions {
  ProbeClassifier classifier = ProbeClassifier::kTrained;
  ProbeNorm norm = ProbeNorm::kLayer;
  int64_t embedding_rank = 0;
  int64_t max_steps = 0;
  int64_t batch_size = 0;  // inputs a step; all there are, where they are fewer
  double learning_rate = 1e-3, weight_decay = 0.3;
  uint64_t seed = 0;
};

struct ProbeScores {               // of one target, on the test inputs
  std::vector<double> accuracy;    // at each position
  double baseline = 0;             // of guessing the class that is most frequent in training
  double ceiling = 0;              // the share whose class occurs in training at all
  std::vector<int32_t> predicted;  // input by input, position by position
};

// Trains on one half and scores on the other; the scores are in the order of the targets. Same seed: same bits. Errors:
// an input is longer than the model's positions; the model's outputs are not numbers.
std::vector<ProbeScores> probe(const NamedModel& model, const std::vector<ProbeInput>& train,
                               const std::vector<ProbeInput>& test, const std::vector<ProbeTarget>& targets,
                               const ProbeOptions& options);

}  // namespace lethe::measure
