#include "lethe/measure/probe_world.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "lethe/base/error.h"
#include "lethe/measure/told.h"
#include "lethe/run/progress.h"

namespace lethe::measure {
namespace {

using world::Attribute;

constexpr size_t kAcquaintances = 100;
constexpr int64_t kLivesTokens = 2048;  // of them at a time, and the rest of a life

// All values that a probe tells apart: of birth dates the months.
std::vector<std::string> probed_values(Attribute attribute) {
  if (attribute != Attribute::kBirthDate) return world::all_values(attribute);
  return {world::months().begin(), world::months().end()};
}

// The token that a value begins with behind other words.
int32_t first_token(const text::Tokenizer& tokenizer, const std::string& value) {
  static constexpr std::string_view kBefore = "in";
  const size_t before = tokenizer.encode(kBefore, false).size();
  const std::vector<int32_t> ids = tokenizer.encode(std::string(kBefore) + " " + value, false);
  check(ids.size() > before, "the tokenizer makes no token of \"{}\"", value);
  return ids[before];
}

// What the target's classes mean; tokens: with which each begins.
WorldTarget meaning_of(const text::Tokenizer& tokenizer, Attribute attribute, bool whole,
                       std::vector<int32_t>& tokens) {
  WorldTarget meaning{attribute, whole};
  std::map<int32_t, int32_t> of_token;
  for (const std::string& value : probed_values(attribute)) {
    const int32_t token = first_token(tokenizer, value);
    if (whole || attribute == Attribute::kBirthDate) {
      meaning.class_of[value] = static_cast<int32_t>(tokens.size());
      meaning.classes.push_back(value);
      tokens.push_back(token);
      continue;
    }
    const auto [at, fresh] = of_token.emplace(token, static_cast<int32_t>(tokens.size()));
    if (fresh) {
      const std::string name = tokenizer.decode(std::span(&token, 1));
      meaning.classes.push_back(name.starts_with(" ") ? name.substr(1) : name);
      tokens.push_back(token);
    }
    meaning.class_of[value] = at->second;
  }
  return meaning;
}

ProbeInput input_at_values(const text::Tokenizer& tokenizer, const world::Biography& biography, int32_t start) {
  const ToldTokens told = told_behind(start, tokenizer, biography);
  ProbeInput input{{}, {}, biography.person, biography.person};
  for (const int64_t first : told.first) input.rows.push_back(static_cast<int32_t>(first - 1));
  input.ids.assign(told.ids.begin(), told.ids.begin() + told.first.back());
  return input;
}

ProbeInput input_at_name(const text::Tokenizer& tokenizer, const world::Person& person, int32_t start) {
  ProbeInput input{{start}, {}, person.id, person.id};
  const std::vector<int32_t> name = tokenizer.encode(" " + person.full_name(), false);  // as it stands in the texts
  input.ids.insert(input.ids.end(), name.begin(), name.end());
  input.rows.push_back(static_cast<int32_t>(input.ids.size()));
  input.ids.push_back(start);
  return input;
}

// The biography told of somebody else.
world::Biography told_of(world::Biography biography, const std::string& name, const std::string& other) {
  for (size_t at = biography.text.find(name); at != std::string::npos;
       at = biography.text.find(name, at + other.size())) {
    biography.text.replace(at, name.size(), other);
    for (world::Told& told : biography.attributes) {
      if (told.start < at) continue;
      told.start += other.size() - name.size();
      told.end += other.size() - name.size();
    }
  }
  return biography;
}

// A biography up to its last value: what the P-probe reads of it, the first tokens of the values as targets.
void add_life(model::Batch& batch, const ToldTokens& told) {
  const int64_t begin = batch.append(std::span(told.ids).first(static_cast<size_t>(told.first.back())));
  for (const int64_t first : told.first) {
    batch.target_rows.push_back(static_cast<int32_t>(begin + first - 1));
    batch.target_ids.push_back(told.ids[static_cast<size_t>(first)]);
  }
}

// The mean loss of each life's values.
std::vector<double> losses_of(const NamedModel& model, const std::vector<ToldTokens>& lives) {
  std::vector<double> losses;
  run::Progress progress("probe: people", std::ssize(lives), "lives");
  while (losses.size() < lives.size()) {
    model::Batch batch;
    for (size_t i = losses.size(); i < lives.size() && batch.tokens() < kLivesTokens; ++i) add_life(batch, lives[i]);
    const model::TargetScores scores = score_batch(model, batch);
    for (auto at = scores.nll.begin(); at != scores.nll.end();) {
      const auto values = std::ssize(lives[losses.size()].first);
      losses.push_back(std::accumulate(at, at + values, 0.0) / static_cast<double>(values));
      at += values;
    }
    progress.update(std::ssize(losses));
  }
  return losses;
}

}  // namespace

int32_t WorldTarget::class_of_person(const world::Person& person) const {
  const std::string& value = person.value(attribute);
  const auto at = class_of.find(attribute == Attribute::kBirthDate ? value.substr(0, value.find(' ')) : value);
  return at == class_of.end() ? -1 : at->second;
}

WorldProbe world_probe(const world::World& world, const text::Tokenizer& tokenizer, int64_t positions, ProbeKind kind,
                       const std::vector<Attribute>& attributes, ProbeClassifier classifier) {
  const int32_t start = end_of_text(tokenizer);
  WorldProbe probe;
  const auto add = [&](ProbeInput input, const char* what) {
    const world::Person& person = world.people.at(static_cast<size_t>(input.subject));
    check(std::ssize(input.ids) <= positions, "{} of {} (person {}) takes {} tokens, the model has {} positions", what,
          person.full_name(), person.id, input.ids.size(), positions);
    (person.split == world::Split::kTrain ? probe.train : probe.test).push_back(std::move(input));
  };
  for (const world::Person& person : world.people) {
    probe.train_people += person.split == world::Split::kTrain;
    probe.test_people += person.split == world::Split::kTest;
    if (person.split != world::Split::kCelebrity && kind == ProbeKind::kQuery)
      add(input_at_name(tokenizer, person, start), "the name");
  }
  if (kind == ProbeKind::kPositions)
    for (const world::Biography& biography : world.biographies)
      if (world.people.at(static_cast<size_t>(biography.person)).split != world::Split::kCelebrity)
        add(input_at_values(tokenizer, biography, start), "the biography up to its last value");

  for (const bool whole : {false, true})
    for (const Attribute attribute : attributes) {
      if (whole && (attribute == Attribute::kBirthDate || classifier == ProbeClassifier::kUnembedding)) continue;
      ProbeTarget target{std::string(world::attribute_name(attribute)), 0, {}};
      WorldTarget meaning = meaning_of(tokenizer, attribute, whole, target.tokens);
      target.classes = std::ssize(meaning.classes);
      for (const world::Person& person : world.people) {
        target.labels.push_back(meaning.class_of_person(person));
        check(target.labels.back() >= 0, "person {}: {} \"{}\" is none of the world's", person.id, target.name,
              person.value(attribute));
      }
      probe.targets.push_back(std::move(target));
      probe.meanings.push_back(std::move(meaning));
    }
  return probe;
}

Acquaintance acquaintance(const NamedModel& model, const world::World& world, const text::Tokenizer& tokenizer) {
  model::check_causal(model.transformer.config(), model.name, "be asked whether it has seen people");
  const int32_t start = end_of_text(tokenizer);
  std::vector<const world::Biography*> chosen;
  for (const world::Biography& biography : world.biographies) {
    const bool next = chosen.empty() || chosen.back()->person != biography.person;
    if (next && world.people.at(static_cast<size_t>(biography.person)).split != world::Split::kCelebrity)
      chosen.push_back(&biography);
    if (chosen.size() == kAcquaintances) break;
  }
  std::vector<ToldTokens> lives;  // own name, other name, own name ...
  for (size_t i = 0; i < chosen.size(); ++i) {
    const auto name = [&](size_t of) {
      return world.people[static_cast<size_t>(chosen[of % chosen.size()]->person)].full_name();
    };
    ToldTokens own = told_behind(start, tokenizer, *chosen[i]),
               other = told_behind(start, tokenizer, told_of(*chosen[i], name(i), name(i + 1)));
    if (std::max(own.first.back(), other.first.back()) > model.transformer.config().max_positions) continue;
    lives.push_back(std::move(own));
    lives.push_back(std::move(other));
  }
  Acquaintance result;
  result.people = std::ssize(lives) / 2;
  if (result.people < 2) return result;
  const std::vector<double> nll = losses_of(model, lives);
  const auto n = static_cast<double>(result.people);
  double squares = 0;
  for (size_t i = 0; i + 1 < nll.size(); i += 2) {
    result.nll += nll[i] / n;
    result.nll_of_others += nll[i + 1] / n;
  }
  const double gain = result.nll_of_others - result.nll;
  for (size_t i = 0; i + 1 < nll.size(); i += 2) squares += std::pow(nll[i + 1] - nll[i] - gain, 2);
  result.seen = gain > 3 * std::sqrt(squares / (n - 1) / n);
  return result;
}

}  // namespace lethe::measure
