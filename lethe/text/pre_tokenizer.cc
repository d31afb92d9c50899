#include "lethe/text/pre_tokenizer.h"

#include "lethe/base/error.h"
#include "lethe/text/byte_level.h"
#include "lethe/text/component.h"
#include "lethe/text/regex.h"
#include "lethe/text/regex_syntax.h"
#include "lethe/text/split.h"
#include "lethe/text/unicode.h"

namespace lethe::text {
namespace {

// Cuts `piece` with `matches(splitter)`, which reports the matches.
template <typename F>
void cut(Piece piece, SplitBehavior behavior, bool invert, PieceSink out, F&& matches) {
  const auto emit = [&](size_t begin, size_t end) {
    out({piece.text.substr(begin, end - begin), piece.first && begin == 0});
  };
  Splitter splitter(piece.text, behavior, emit);
  matches(splitter);
  splitter.finish(invert);
}

// Split, ByteLevel and Whitespace: cuts at the matches of a regular expression.
class RegexSplit : public PreTokenizer {
 public:
  RegexSplit(std::string_view pattern, SplitBehavior behavior, bool invert, const std::string& where)
      : regex_(pattern, where), behavior_(behavior), invert_(invert) {}

  void split(Piece piece, PieceSink out) const override {
    cut(piece, behavior_, invert_, out, [&](Splitter& splitter) {
      regex_.for_each_match(piece.text, [&](Regex::Match m) { splitter.match(m.begin, m.end, invert_); });
    });
  }

 private:
  Regex regex_;
  SplitBehavior behavior_;
  bool invert_;
};

// Digits, Punctuation and WhitespaceSplit: cuts at the characters of a kind.
class CharacterSplit : public PreTokenizer {
 public:
  CharacterSplit(bool (*is_kind)(char32_t), SplitBehavior behavior) : is_kind_(is_kind), behavior_(behavior) {}

  void split(Piece piece, PieceSink out) const override {
    cut(piece, behavior_, false, out, [&](Splitter& splitter) {
      for (size_t at = 0; at < piece.text.size();) {
        const Char c = char_at(piece.text, at);
        if (is_kind_(c.value)) splitter.match(at, at + c.size);
        at += c.size;
      }
    });
  }

 private:
  bool (*is_kind_)(char32_t);
  SplitBehavior behavior_;
};

class ByteLevel : public PreTokenizer {
 public:
  // With `raw` the bytes stay as they are: the model knows what they stand for.
  ByteLevel(const Json& json, const std::string& where, bool raw)
      : add_prefix_space_(json_bool(json, "add_prefix_space", where)), raw_(raw) {
    if (!json_bool(json, "use_regex", where, true)) return;
    words_ =
        std::make_unique<RegexSplit>(R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
                                     SplitBehavior::kIsolated, false, where);
  }

  void split(Piece piece, PieceSink out) const override {
    std::string with_space;
    if (add_prefix_space_ && !piece.text.starts_with(' ')) {
      with_space.append(" ").append(piece.text);
      piece.text = with_space;
    }
    std::string characters;
    const auto emit = [&](Piece word) {
      if (!raw_) {
        characters.clear();
        append_byte_characters(characters, word.text);
        word.text = characters;
      }
      out(word);
    };
    words_ ? words_->split(piece, emit) : emit(piece);
  }

 private:
  bool add_prefix_space_, raw_;
  std::unique_ptr<RegexSplit> words_;  // null without use_regex
};

// SentencePiece's spaces: each becomes "▁", one may be put in front, and words begin at them.
class Metaspace : public PreTokenizer {
 public:
  Metaspace(const Json& json, const std::string& where)
      : replacement_(json_string(json, "replacement", where)), split_(json_bool(json, "split", where, true)) {
    check(!replacement_.empty() && char_at(replacement_, 0).size == replacement_.size(),
          "{}: \"replacement\" is \"{}\", expected one character", where, replacement_);
    scheme_ = json_string(json, "prepend_scheme", where, "always");
    static constexpr std::string_view kSchemes[] = {"always", "first", "never"};
    if (scheme_ != "always" && scheme_ != "first" && scheme_ != "never") {
      fail_unknown(where, "prepend_scheme", scheme_, kSchemes);
    }
    if (!json_bool(json, "add_prefix_space", where, true)) {  // how files of old versions say "never"
      check(scheme_ == "never" || !json.contains("prepend_scheme"),
            "{}: \"add_prefix_space\" is false, yet \"prepend_scheme\" is \"{}\"", where, scheme_);
      scheme_ = "never";
    }
  }

  void split(Piece piece, PieceSink out) const override {
    std::string text;
    text.reserve(piece.text.size() * 2);
    for (const char c : piece.text) c == ' ' ? text.append(replacement_) : text.append(1, c);
    const bool prepend = scheme_ == "always" || (scheme_ == "first" && piece.first);
    if (prepend && !text.starts_with(replacement_)) text.insert(0, replacement_);
    piece.text = text;
    if (!split_) return out(piece);
    cut(piece, SplitBehavior::kMergedWithNext, false, out, [&](Splitter& splitter) {
      for (size_t at = 0; (at = text.find(replacement_, at)) != std::string::npos; at += replacement_.size()) {
        splitter.match(at, at + replacement_.size());
      }
    });
  }

 private:
  std::string replacement_, scheme_;
  bool split_;
};

std::unique_ptr<PreTokenizer> make_step(const Json& json, const std::string& type, const std::string& where,
                                        bool last) {
  static constexpr std::string_view kKnown[] = {"Sequence",  "ByteLevel",  "Split",           "Digits",
                                                "Metaspace", "Whitespace", "WhitespaceSplit", "Punctuation"};
  if (type == "ByteLevel") return std::make_unique<ByteLevel>(json, where, last);
  if (type == "Metaspace") return std::make_unique<Metaspace>(json, where);
  if (type == "Split") {
    return std::make_unique<RegexSplit>(component_pattern(json, where),
                                        split_behavior(json_string(json, "behavior", where), where),
                                        json_bool(json, "invert", where, false), where);
  }
  if (type == "Digits") {
    const bool individual = json_bool(json, "individual_digits", where, false);
    return std::make_unique<CharacterSplit>(is_numeric,
                                            individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous);
  }
  if (type == "Punctuation") {
    return std::make_unique<CharacterSplit>(is_punctuation,
                                            split_behavior(json_string(json, "behavior", where, "Isolated"), where));
  }
  if (type == "WhitespaceSplit") return std::make_unique<CharacterSplit>(is_whitespace, SplitBehavior::kRemoved);
  if (type == "Whitespace") {
    const std::string words = fmt::format(R"({0}+|(?:(?!{0})\S)+)", kRustWordCharacter);
    return std::make_unique<RegexSplit>(words, SplitBehavior::kRemoved, true, where);
  }
  fail_unknown(where, "type", type, kKnown);
}

}  // namespace

PreTokenizers::PreTokenizers(const Json& json, const std::string& where) {
  if (!json.is_null()) add(json, where, true);
}

void PreTokenizers::add(const Json& json, const std::string& where, bool last) {
  const std::string type = component_type(json, where);
  if (type == "Sequence") {
    const Json& list = component_list(json, "pretokenizers", where);
    for (size_t i = 0; i < list.size(); ++i) add(list[i], where, last && i + 1 == list.size());
    return;
  }
  steps_.push_back(make_step(json, type, where + ": " + type, last));
  raw_bytes_ = type == "ByteLevel" && last;
}

void PreTokenizers::run(size_t step, Piece piece, PieceSink out) const {
  if (step == steps_.size()) return out(piece);
  if (step + 1 == steps_.size()) return steps_[step]->split(piece, out);
  steps_[step]->split(piece, [&](Piece part) { run(step + 1, part, out); });
}

}  // namespace lethe::text
