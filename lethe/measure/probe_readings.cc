#include "lethe/measure/probe_readings.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <string>

namespace lethe::measure {
namespace {

using world::Attribute;

struct Share {
  int64_t hits = 0, count = 0;
  void add(bool hit) { hits += hit, ++count; }
  double percent() const { return count == 0 ? NAN : 100.0 * static_cast<double>(hits) / static_cast<double>(count); }
  OrderedJson json() const { return count == 0 ? OrderedJson() : OrderedJson(percent()); }
};

// NAME_least and NAME_most; nulls of nothing.
void add_range(OrderedJson& entry, const std::string& name, const std::map<std::set<Attribute>, Share>& shares) {
  const auto by_percent = [](const auto& a, const auto& b) { return a.second.percent() < b.second.percent(); };
  const auto range = std::minmax_element(shares.begin(), shares.end(), by_percent);
  entry[name + "_least"] = shares.empty() ? OrderedJson() : range.first->second.json();
  entry[name + "_most"] = shares.empty() ? OrderedJson() : range.second->second.json();
}

// What is told right before it, in the same pair.
const Attribute* partner_of(Attribute attribute) {
  static constexpr std::array<std::array<Attribute, 2>, 3> kPairs = {{{Attribute::kBirthDate, Attribute::kBirthCity},
                                                                      {Attribute::kUniversity, Attribute::kMajor},
                                                                      {Attribute::kCompany, Attribute::kCompanyCity}}};
  for (const auto& pair : kPairs)
    if (pair[1] == attribute) return &pair[0];
  return nullptr;
}

// The biography that each test input was made of: the inputs of a person are his biographies in their order.
std::vector<const world::Biography*> biographies_of(const world::World& world, const std::vector<ProbeInput>& inputs) {
  std::vector<const world::Biography*> result;
  for (const ProbeInput& input : inputs) {
    const auto* previous = result.empty() || result.back()->person != input.subject ? nullptr : result.back();
    result.push_back(previous
                         ? previous + 1
                         : &*std::ranges::lower_bound(world.biographies, input.subject, {}, &world::Biography::person));
  }
  return result;
}

}  // namespace

OrderedJson readings_of_changed(const world::World& world, const world::World& before, const WorldProbe& data,
                                const std::vector<ProbeScores>& scores) {
  OrderedJson result = OrderedJson::object();
  for (size_t k = 0; k < data.targets.size(); ++k) {
    const WorldTarget& target = data.meanings[k];
    const auto same_whole = [&](const WorldTarget& t) { return t.whole && t.attribute == target.attribute; };
    if (!target.whole && std::ranges::any_of(data.meanings, same_whole)) continue;
    Share read_new, read_old, neither;
    for (size_t i = 0; i < data.test.size(); ++i) {
      const auto person = static_cast<size_t>(data.test[i].subject);
      const int32_t now = target.class_of_person(world.people[person]);
      const int32_t then = target.class_of_person(before.people[person]);
      if (now == then) continue;
      const int32_t read = scores[k].predicted[i];
      read_new.add(read == now);
      read_old.add(read == then);
      neither.add(read != now && read != then);
    }
    if (read_new.count == 0) continue;
    result[data.targets[k].name] = {{"people", read_new.count},
                                    {"new", read_new.percent()},
                                    {"old", read_old.percent()},
                                    {"neither", neither.percent()}};
  }
  return result;
}

OrderedJson readings_by_told(const world::World& world, const WorldProbe& data,
                             const std::vector<ProbeScores>& scores) {
  const std::vector<const world::Biography*> biographies = biographies_of(world, data.test);
  OrderedJson result = OrderedJson::object();
  for (size_t k = 0; k < data.targets.size(); ++k) {
    const WorldTarget& target = data.meanings[k];
    const Attribute* partner = partner_of(target.attribute);
    if (target.whole || !partner) continue;
    // By the facts that were told, without the partner and with it.
    Share nothing;
    std::map<std::set<Attribute>, Share> others, with_partner;
    for (size_t i = 0; i < data.test.size(); ++i) {
      const size_t positions = data.test[i].rows.size();
      const int32_t truth = data.targets[k].labels[static_cast<size_t>(data.test[i].label)];
      std::set<Attribute> told;
      for (size_t j = 0; j < positions; ++j) {
        const bool hit = scores[k].predicted[i * positions + j] == truth;
        if (told.contains(*partner)) {
          with_partner[told].add(hit);
          break;  // the value itself comes next
        }
        if (j % 2 == 0) (told.empty() ? nothing : others[told]).add(hit);  // whole pairs
        told.insert(biographies[i]->attributes[j].attribute);
      }
    }
    OrderedJson& entry = result[data.targets[k].name];
    entry["nothing"] = nothing.json();
    add_range(entry, "others", others);
    add_range(entry, "partner", with_partner);
  }
  return result;
}

}  // namespace lethe::measure
