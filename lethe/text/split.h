// Cutting a text where something matches: what becomes of the matches and of the text between them.
#pragma once
#include <string>
#include <string_view>

#include "lethe/text/function_ref.h"

namespace lethe::text {

// What happens to a match: it is dropped, stands alone, joins the match before it, the text before it or the text
// behind it.
enum class SplitBehavior { kRemoved, kIsolated, kContiguous, kMergedWithPrevious, kMergedWithNext };

// From its name in tokenizer.json; an unknown name is an Error that begins with `where` and lists the known ones.
SplitBehavior split_behavior(const std::string& name, const std::string& where);

// Takes a text's ranges (matches and what lies between them) from left to right and hands the pieces, without empty
// ones, to `out`. finish() hands over what is held back.
class Splitter {
 public:
  Splitter(std::string_view text, SplitBehavior behavior, FunctionRef<void(size_t, size_t)> out)
      : size_(text.size()), behavior_(behavior), out_(out) {}

  // The matches, in order: the ranges between them follow from them. `invert` swaps the two kinds.
  void match(size_t begin, size_t end, bool invert = false) {
    if (begin > at_) range(at_, begin, invert);
    range(begin, end, !invert);
    at_ = end;
  }
  void finish(bool invert = false) {
    if (at_ < size_) range(at_, size_, invert);
    flush();
  }

 private:
  void range(size_t begin, size_t end, bool is_match);
  void flush() {
    if (held_begin_ < held_end_) out_(held_begin_, held_end_);
    held_begin_ = held_end_ = 0;
    held_ = false;
  }

  size_t size_, at_ = 0;
  SplitBehavior behavior_;
  FunctionRef<void(size_t, size_t)> out_;
  bool held_ = false, held_match_ = false,
       previous_match_ = false;  // a piece is held back; it is a match; the last range was
  size_t held_begin_ = 0, held_end_ = 0;
};

}  // namespace lethe::text
