// What the readings of a world's probe say beyond their accuracy.
#pragma once
#include <vector>

#include "lethe/base/json.h"
#include "lethe/measure/probe_world.h"

namespace lethe::measure {

// Of people whose value is another one than in `before`, the same people earlier: how often a Q-probe reads the new
// value, the old one, or neither, in percent. JSON: {attribute: {"people", "new", "old", "neither"}}, for attributes
// that changed: of whole values; where the probe has first tokens alone, of people whose two values begin differently.
OrderedJson readings_of_changed(const world::World& world, const world::World& before, const WorldProbe& data,
                                const std::vector<ProbeScores>& scores);

// Of a world whose sentences come in pairs: how often a P-probe reads the first token of the second value of a pair, by
// what the biography has told before (figure 6 of the paper). JSON: {attribute: {"nothing", "others_least",
// "others_most", "partner_least", "partner_most"}}, percent: nothing was told; other pairs; the pair's first value,
// alone or with other pairs. Least and most: of the sets of pairs that may have been told.
OrderedJson readings_by_told(const world::World& world, const WorldProbe& data, const std::vector<ProbeScores>& scores);

}  // namespace lethe::measure
