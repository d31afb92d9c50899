// The words a world tells its facts in: sentence templates for every attribute, the six questions, and the filling of
// their slots with a person and a value.
//
// A template is one sentence in the past tense with these slots:
//   {value}       the attribute's value; exactly once
//   {subject}     who it is about: the full name, or he, she, they
//   {possessive}  whose it is: the full name with 's, or his, her, their
//   {was}         was, or were after the pronoun they
//   {they}, {their}  a second mention, after {subject} or {possessive}: always the pronoun
// Each names the person once by {subject} or {possessive}, and says by itself which attribute it states.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "lethe/world/choices.h"

namespace lethe::world {

// Birth date 46, birth city 49, university 49, major 52, company 47, company city 48 (appendix A.1).
std::span<const std::string_view> sentences(Attribute attribute);

enum class Wording { kTaught, kOther };  // of a question: the one that training asks, and another that it never does

// The question that asks for the attribute; its only slot is {subject}. Sentences have all words of the other wording.
std::string_view question(Attribute attribute, Wording wording = Wording::kTaught);

// How a sentence speaks of its person.
struct Mention {
  enum Pronoun { kHe, kShe, kThey };
  std::string name;  // "First Middle Last"
  Pronoun pronoun = kThey;
  bool full_name = true;  // {subject} and {possessive} are the name; else the pronoun
};

struct PronounForms {
  std::string_view they, their, was;
};
inline constexpr PronounForms kPronouns[] = {  // by Mention::Pronoun
    {"he", "his", "was"},
    {"she", "her", "was"},
    {"they", "their", "were"}};

// The sentence with its slots filled; a pronoun that begins it has a capital. `value_begin`, unless null, gets the byte
// at which the value begins in the result. Throws Error for a slot that is not listed above or not closed.
std::string fill(std::string_view sentence, const Mention& mention, std::string_view value,
                 size_t* value_begin = nullptr);

}  // namespace lethe::world
