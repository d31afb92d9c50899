#include "lethe/text/regex_syntax.h"

#include <algorithm>
#include <vector>

#include "lethe/base/error.h"
#include "lethe/text/new_characters.h"

namespace lethe::text {
namespace {

// What stands between the brackets of a class. White_Space and its complement are spelled out: PCRE2's \s has U+180E
// too.
constexpr std::string_view kSpace =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
constexpr std::string_view kNotSpace =
    R"(\x{0}-\x{8}\x{e}-\x{1f}\x{21}-\x{84}\x{86}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027})"
    R"(\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{10ffff})";
constexpr std::string_view kHex = "0-9A-Fa-f";

// A general category ("L", "Nd") with the characters that PCRE2 may be too old to know.
std::string category_items(std::string_view category) {
  std::string items = fmt::format("\\p{{{}}}", category);
  for (const NewCharacters& r : kNewCharacters) {
    if (!r.category.starts_with(category)) continue;
    items += fmt::format("\\x{{{:x}}}", static_cast<uint32_t>(r.first));
    if (r.last > r.first) items += fmt::format("-\\x{{{:x}}}", static_cast<uint32_t>(r.last));
  }
  return items;
}

// Oniguruma's \w: Alphabetic, M, Nd, Pc and, an oddity of its tables, the six numbers of Latin-1.
std::string word_items() {
  return "\\p{Alphabetic}" + category_items("L") + category_items("M") + category_items("Nd") + category_items("Pc") +
         R"(\x{b2}\x{b3}\x{b9}\x{bc}-\x{be})";
}

bool is_category(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "C",  "Cc", "Cf", "Cn", "Co", "Cs", "L",  "Ll", "Lm", "Lo", "Lt", "Lu", "M",  "Mc", "Me", "Mn", "N",  "Nd", "Nl",
      "No", "P",  "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S",  "Sc", "Sk", "Sm", "So", "Z",  "Zl", "Zp", "Zs"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

class Translator {
 public:
  Translator(std::string_view pattern, const std::string& where) : in_(pattern), where_(where) {}

  std::string run() {
    while (at_ < in_.size()) item();
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    fail("{}: the regular expression \"{}\" has {} (byte {}), which is not supported", where_, in_, what, at_);
  }
  char peek(size_t ahead = 0) const { return at_ + ahead < in_.size() ? in_[at_ + ahead] : '\0'; }
  char next() { return in_[at_++]; }

  // One thing outside a class. `atom_` remembers where the last thing that can be repeated begins in out_.
  void item() {
    const char c = peek();
    if (c == '{') return interval();
    if (c == '*' || c == '+' || c == '?' || c == '|') {
      out_ += next();
      return;
    }
    if (c == ')') {
      if (!groups_.empty()) {
        atom_ = groups_.back();
        groups_.pop_back();
      }
      out_ += next();
      return;
    }
    atom_ = out_.size();
    if (c == '(') return group();
    if (c == '[') return char_class();
    if (c == '\\') return escape();
    out_ += next();
  }

  // {n}, {n,}, {n,m}, {,m}; a + behind it repeats it, where PCRE2 would make it possessive.
  void interval() {
    size_t end = at_ + 1;
    while (end < in_.size() && (in_[end] == ',' || (in_[end] >= '0' && in_[end] <= '9'))) ++end;
    const std::string_view inside = in_.substr(at_ + 1, std::min(end, in_.size()) - at_ - 1);
    if (end >= in_.size() || in_[end] != '}' || inside.empty() || inside == ",") {
      out_ += "\\{";
      ++at_;
      return;
    }
    at_ = end + 1;
    out_ += fmt::format("{{{}{}}}", inside.front() == ',' ? "0" : "", inside);
    if (peek() != '+') return;
    ++at_;
    out_.insert(atom_, "(?:");
    out_ += ")+";
  }

  void group() {
    groups_.push_back(out_.size());
    out_ += next();
    if (peek() != '?') return;
    out_ += next();
    // Option letters: Ruby's m is PCRE2's s. Lookarounds, names and atomic groups begin with other characters.
    while (std::string_view("imx-").find(peek()) != std::string_view::npos && peek() != '\0') {
      const char c = next();
      out_ += c == 'm' ? 's' : c;
    }
    if (peek() == ')') groups_.pop_back(), out_ += next();  // options for the rest of the enclosing group
    if (peek() == '<' && (peek(1) == '=' || peek(1) == '!')) out_ += next(), out_ += next();
  }

  // \p{Name}, \P{Name}, \p{^Name}: the name, and whether it is negated; at_ stands on the p.
  std::string property(bool& negated) {
    negated = next() == 'P';
    const size_t close = in_.find('}', at_);
    if (peek() != '{' || close == std::string_view::npos) refuse("\\p without {Name}");
    std::string name(in_.substr(at_ + 1, close - at_ - 1));
    at_ = close + 1;
    if (name.starts_with('^')) {
      negated = !negated;
      name.erase(0, 1);
    }
    return name;
  }

  // The items of a class that a property stands for. A name that is no category is a script or a binary property.
  static std::string property_items(const std::string& name) {
    static constexpr std::string_view kBinary[] = {"Alphabetic", "Uppercase", "Lowercase", "White_Space", "Emoji"};
    if (is_category(name)) return category_items(name);
    if (name == "Alpha") return "\\p{Alphabetic}";
    const bool binary = std::find(std::begin(kBinary), std::end(kBinary), name) != std::end(kBinary);
    return fmt::format("\\p{{{}{}}}", binary ? "" : "sc:", name);  // sc: as without it PCRE2 means script extensions
  }

  void escape() {
    ++at_;
    const auto put_class = [&](bool negated, const std::string& items) {
      out_ += fmt::format("[{}{}]", negated ? "^" : "", items);
    };
    const char c = peek();
    if (c == '\0') refuse("a backslash at its end");
    if (c == 'p' || c == 'P') {
      bool negated = false;
      const std::string name = property(negated);
      return put_class(negated, property_items(name));
    }
    ++at_;
    switch (c) {
      case 's':
      case 'S':
        return put_class(c == 'S', std::string(kSpace));
      case 'w':
      case 'W':
        return put_class(c == 'W', word_items());
      case 'd':
      case 'D':
        return put_class(c == 'D', category_items("Nd"));
      case 'h':
      case 'H':
        return put_class(c == 'H', std::string(kHex));
      case 'b':
      case 'B': {
        const std::string word = fmt::format("[{}]", word_items());
        const char then = c == 'b' ? '!' : '=';  // is there no word character, or is there one, behind one?
        const char otherwise = c == 'b' ? '=' : '!';
        out_ += fmt::format("(?:(?<={0})(?{1}{0})|(?<!{0})(?{2}{0}))", word, then, otherwise);
        return;
      }
      case 'u':
        return unicode_escape();
      default:
        out_ += '\\';
        out_ += c;
    }
  }

  void unicode_escape() {
    const std::string_view digits = in_.substr(at_, 4);
    if (digits.size() < 4 || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
      refuse("\\u without four hexadecimal digits");
    }
    out_ += fmt::format("\\x{{{}}}", digits);
    at_ += 4;
  }

  void char_class() {
    out_ += next();
    if (peek() == '^') out_ += next();
    if (peek() == ']') out_ += "\\]", ++at_;
    while (true) {
      const char c = peek();
      if (at_ >= in_.size()) refuse("a [ without its ]");
      if (c == '[') refuse(peek(1) == ':' ? "a POSIX bracket" : "a class in a class");
      if (c == '&' && peek(1) == '&') refuse("an intersection of classes (&&)");
      if (c == '\\') {
        class_escape();
        continue;
      }
      out_ += next();
      if (c == ']') return;
    }
  }

  void class_escape() {
    ++at_;
    const char c = peek();
    if (c == '\0') refuse("a backslash at its end");
    if (c == 'p' || c == 'P') {
      bool negated = false;
      const std::string name = property(negated);
      if (negated) refuse("a negated property in a class");
      out_ += property_items(name);
      return;
    }
    ++at_;
    switch (c) {
      case 's':
        out_ += kSpace;
        return;
      case 'S':
        out_ += kNotSpace;
        return;
      case 'w':
        out_ += word_items();
        return;
      case 'd':
        out_ += category_items("Nd");
        return;
      case 'h':
        out_ += kHex;
        return;
      case 'W':
      case 'D':
      case 'H':
        refuse(fmt::format("\\{} in a class", c));
      case 'u':
        return unicode_escape();
      default:
        out_ += '\\';
        out_ += c;
    }
  }

  std::string_view in_;
  const std::string& where_;
  size_t at_ = 0;
  std::string out_;
  size_t atom_ = 0;
  std::vector<size_t> groups_;  // where the open groups begin in out_
};

}  // namespace

std::string pcre2_syntax(std::string_view pattern, const std::string& where) {
  return Translator(pattern, where).run();
}

std::string quoted_regex(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\^$.[]|()?*+{}-#/ ").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace lethe::text
