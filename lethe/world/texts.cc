#include "lethe/world/texts.h"

#include <array>
#include <numeric>

#include "lethe/base/random.h"

namespace lethe::world {
namespace {

using Order = std::array<size_t, kAttributes.size()>;                // positions of kAttributes
using Sentences = std::array<std::string_view, kAttributes.size()>;  // a template for each attribute

Sentences draw_sentences(Random& random) {
  Sentences drawn;
  for (size_t i = 0; i < drawn.size(); ++i) {
    const auto all = sentences(kAttributes[i]);
    drawn[i] = all[random.below(all.size())];
  }
  return drawn;
}

Order draw_order(Random& random, Augmentation::Order kind) {
  Order order;
  std::iota(order.begin(), order.end(), size_t{0});
  if (kind == Augmentation::kPermuted) {
    random.shuffle(order);
  } else if (kind == Augmentation::kCoupled) {
    std::array<size_t, 3> pairs = {0, 1, 2};
    random.shuffle(pairs);
    for (size_t i = 0; i < order.size(); ++i) order[i] = 2 * pairs[i / 2] + i % 2;
  }
  return order;
}

Biography tell(const Person& person, const Sentences& sentences, const Order& order, bool full_name) {
  Biography biography{person.id, "", {}};
  biography.text.reserve(512);
  biography.attributes.reserve(order.size());
  Mention mention{person.full_name(), person.pronoun, true};
  for (size_t i = 0; i < order.size(); ++i) {
    const Attribute attribute = kAttributes[order[i]];
    mention.full_name = full_name || i == 0;
    size_t begin = 0;
    const std::string sentence = fill(sentences[order[i]], mention, person.value(attribute), &begin);
    biography.text += ' ';
    begin += biography.text.size();
    biography.text += sentence;
    biography.attributes.push_back({attribute, begin, begin + person.value(attribute).size()});
  }
  return biography;
}

}  // namespace

std::vector<Biography> biographies_of(const WorldSpec& spec, const Person& person) {
  const Augmentation& how = person.split == Split::kCelebrity ? spec.celebrity_augment : spec.augment;
  // Sentences and orders in streams of their own: single and single+permute5 of one seed tell the same sentences.
  Random words(spec.seed, "world/sentences", static_cast<uint64_t>(person.id));
  Random orders(spec.seed, "world/orders", static_cast<uint64_t>(person.id));
  std::vector<Biography> biographies;
  Sentences sentences = draw_sentences(words);
  for (int64_t entry = 0; entry < how.entries; ++entry) {
    if (how.redraw && entry > 0) sentences = draw_sentences(words);
    biographies.push_back(tell(person, sentences, draw_order(orders, how.order), how.full_name));
  }
  return biographies;
}

Biography plain_biography(const Person& person, bool full_name, Random& random) {
  return tell(person, draw_sentences(random), draw_order(random, Augmentation::kFixed), full_name);
}

std::string question_prompt(Attribute attribute, const std::string& full_name, Wording wording) {
  return fill(question(attribute, wording), Mention{full_name}, "") + " Answer:";
}

std::string completion(const Person& person, Attribute attribute) { return " " + person.value(attribute) + "."; }

std::vector<Question> questions_about(const Person& person) {
  std::vector<Question> questions;
  for (const Attribute attribute : kAttributes)
    questions.push_back({person.id, attribute, person.split, question_prompt(attribute, person.full_name()),
                         completion(person, attribute)});
  return questions;
}

}  // namespace lethe::world
