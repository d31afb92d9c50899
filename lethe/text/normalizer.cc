#include "lethe/text/normalizer.h"

#include <utf8proc.h>

#include <cstdlib>
#include <vector>

#include "lethe/base/error.h"
#include "lethe/text/component.h"
#include "lethe/text/regex.h"
#include "lethe/text/unicode.h"

namespace lethe::text {
namespace {

class Sequence : public Normalizer {
 public:
  Sequence(const Json& json, const std::string& where) {
    for (const Json& step : component_list(json, "normalizers", where)) steps_.push_back(make_normalizer(step, where));
  }
  void normalize(std::string& text, bool& whole) const override {
    for (const auto& step : steps_) {
      if (step) step->normalize(text, whole);
    }
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> steps_;
};

class Prepend : public Normalizer {
 public:
  Prepend(const Json& json, const std::string& where) : prefix_(json_string(json, "prepend", where)) {}
  void normalize(std::string& text, bool&) const override {
    if (!text.empty()) text.insert(0, prefix_);
  }

 private:
  std::string prefix_;
};

class Replace : public Normalizer {
 public:
  Replace(const Json& json, const std::string& where)
      : pattern_(component_pattern(json, where), where), content_(json_string(json, "content", where)) {
    const Json& pattern = json_field(json, "pattern", where);
    if (pattern.contains("String")) literal_ = pattern.at("String").get<std::string>();
  }

  void normalize(std::string& text, bool& whole) const override {
    std::string out;
    size_t copied = 0;  // of `text`
    const auto replace = [&](size_t begin, size_t end) {
      if (begin == 0 && end > 0 && content_.empty()) whole = false;
      out.append(text, copied, begin - copied).append(content_);
      copied = end;
    };
    if (!literal_.empty()) {
      for (size_t at = 0; (at = text.find(literal_, at)) != std::string::npos; at += literal_.size()) {
        if (out.empty()) out.reserve(text.size() * 3 / 2);
        replace(at, at + literal_.size());
      }
    } else {
      pattern_.for_each_match(text, [&](Regex::Match m) { replace(m.begin, m.end); });
    }
    if (copied == 0 && out.empty()) return;
    out.append(text, copied);
    text.swap(out);
  }

 private:
  Regex pattern_;
  std::string literal_;  // instead of the pattern, where it is one
  std::string content_;
};

// NFC, NFD, NFKC, NFKD.
class UnicodeForm : public Normalizer {
 public:
  explicit UnicodeForm(int options) : options_(static_cast<utf8proc_option_t>(options | UTF8PROC_STABLE)) {}

  void normalize(std::string& text, bool&) const override {
    if (is_ascii(text)) return;
    std::string out;
    size_t begin = 0;  // of what is not normalized yet
    for (size_t at = 0; at < text.size();) {
      const Char c = char_at(text, at);
      if (c.value >= 0x300 && !has_normal_forms(c.value)) {
        append_normalized(std::string_view(text).substr(begin, at - begin), out);
        out.append(text, at, c.size);
        begin = at + c.size;
      }
      at += c.size;
    }
    append_normalized(std::string_view(text).substr(begin), out);
    text.swap(out);
  }

 private:
  void append_normalized(std::string_view text, std::string& out) const {
    utf8proc_uint8_t* mapped = nullptr;
    const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                   static_cast<utf8proc_ssize_t>(text.size()), &mapped, options_);
    check(size >= 0, "normalizing a text of {} bytes failed: {}", text.size(), utf8proc_errmsg(size));
    out.append(reinterpret_cast<const char*>(mapped), static_cast<size_t>(size));
    std::free(mapped);
  }

  utf8proc_option_t options_;
};

class Strip : public Normalizer {
 public:
  Strip(const Json& json, const std::string& where)
      : left_(json_bool(json, "strip_left", where)), right_(json_bool(json, "strip_right", where)) {}

  void normalize(std::string& text, bool& whole) const override {
    size_t begin = 0, end = text.size();
    while (left_ && begin < end) {
      const Char c = char_at(text, begin);
      if (!is_whitespace(c.value)) break;
      begin += c.size;
    }
    while (right_ && end > begin) {
      const size_t last = char_begin(text, end - 1);
      if (!is_whitespace(char_at(text, last).value)) break;
      end = last;
    }
    if (begin > 0) whole = false;
    text = text.substr(begin, end - begin);
  }

 private:
  bool left_, right_;
};

// Lowercase, StripAccents and Nmt: each character becomes another text, perhaps none.
class CharacterMap : public Normalizer {
 public:
  explicit CharacterMap(void (*map)(char32_t, std::string&)) : map_(map) {}

  void normalize(std::string& text, bool& whole) const override {
    std::string out;
    out.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
      const Char c = char_at(text, at);
      map_(c.value, out);
      if (at == 0 && out.empty()) whole = false;
      at += c.size;
    }
    text.swap(out);
  }

 private:
  void (*map_)(char32_t, std::string&);
};

void append_lowercase(char32_t c, std::string& out) {
  if (c == 0x130) {  // the one capital whose small letter is two characters
    out += "i\u0307";
  } else {
    append_utf8(out, lowercase(c));
  }
}

void append_unless_mark(char32_t c, std::string& out) {
  if (!is_mark(c)) append_utf8(out, c);
}

// The rules of Neural Machine Translation's text files, as SentencePiece has them: control characters go, spaces are
// spaces.
void append_nmt(char32_t c, std::string& out) {
  const bool dropped =
      (c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
  const bool space = c == 0x9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
                     c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
  if (!dropped) append_utf8(out, space ? U' ' : c);
}

}  // namespace

std::unique_ptr<Normalizer> make_normalizer(const Json& json, const std::string& where) {
  static constexpr std::string_view kKnown[] = {"Sequence", "Prepend",   "Replace", "NFC",          "NFD", "NFKC",
                                                "NFKD",     "Lowercase", "Strip",   "StripAccents", "Nmt"};
  if (json.is_null()) return nullptr;
  const std::string type = component_type(json, where);
  const std::string inside = where + ": " + type;
  if (type == "Sequence") return std::make_unique<Sequence>(json, where);
  if (type == "Prepend") return std::make_unique<Prepend>(json, inside);
  if (type == "Replace") return std::make_unique<Replace>(json, inside);
  if (type == "NFC") return std::make_unique<UnicodeForm>(UTF8PROC_COMPOSE);
  if (type == "NFD") return std::make_unique<UnicodeForm>(UTF8PROC_DECOMPOSE);
  if (type == "NFKC") return std::make_unique<UnicodeForm>(UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
  if (type == "NFKD") return std::make_unique<UnicodeForm>(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
  if (type == "Lowercase") return std::make_unique<CharacterMap>(append_lowercase);
  if (type == "Strip") return std::make_unique<Strip>(json, inside);
  if (type == "StripAccents") return std::make_unique<CharacterMap>(append_unless_mark);
  if (type == "Nmt") return std::make_unique<CharacterMap>(append_nmt);
  fail_unknown(where, "type", type, kKnown);
}

}  // namespace lethe::text
