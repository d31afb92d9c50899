#include "lethe/text/decoder.h"

#include <charconv>

#include "lethe/base/error.h"
#include "lethe/text/byte_level.h"
#include "lethe/text/component.h"
#include "lethe/text/normalizer.h"
#include "lethe/text/unicode.h"

namespace lethe::text {
namespace {

class Sequence : public Decoder {
 public:
  Sequence(const Json& json, const std::string& where) {
    for (const Json& step : component_list(json, "decoders", where)) steps_.push_back(make_decoder(step, where));
  }
  void decode(std::vector<std::string>& tokens) const override {
    for (const auto& step : steps_) {
      if (step) step->decode(tokens);
    }
  }

 private:
  std::vector<std::unique_ptr<Decoder>> steps_;
};

std::string join(const std::vector<std::string>& tokens) {
  std::string text;
  for (const std::string& token : tokens) text += token;
  return text;
}

class Fuse : public Decoder {
 public:
  void decode(std::vector<std::string>& tokens) const override { tokens = {join(tokens)}; }
};

class ByteLevel : public Decoder {
 public:
  void decode(std::vector<std::string>& tokens) const override {
    std::string bytes;
    for (const std::string& token : tokens) bytes += bytes_of_characters(token).value_or(token);
    tokens = {replace_invalid_utf8(bytes)};
  }
};

// "<0x0A>" is the byte 10; bytes in a row that are no UTF-8 become one U+FFFD each.
class ByteFallback : public Decoder {
 public:
  void decode(std::vector<std::string>& tokens) const override {
    std::vector<std::string> out;
    std::string bytes;
    const auto flush = [&] {
      if (is_valid_utf8(bytes)) {
        if (!bytes.empty()) out.push_back(bytes);
      } else {
        out.insert(out.end(), bytes.size(), "\uFFFD");
      }
      bytes.clear();
    };
    for (std::string& token : tokens) {
      unsigned value = 0;
      const char* const digits = token.data() + 3;
      const bool is_byte = token.size() == 6 && token.starts_with("<0x") && token.ends_with('>') &&
                           std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2;
      if (is_byte) {
        bytes.push_back(static_cast<char>(value));
      } else {
        flush();
        out.push_back(std::move(token));
      }
    }
    flush();
    tokens.swap(out);
  }
};

class Replace : public Decoder {
 public:
  Replace(const Json& json, const std::string& where) : replace_(make_normalizer(json, where)) {}
  void decode(std::vector<std::string>& tokens) const override {
    bool whole = true;
    for (std::string& token : tokens) replace_->normalize(token, whole);
  }

 private:
  std::unique_ptr<Normalizer> replace_;
};

// Takes up to `start` and up to `stop` of a character from the two ends of each token.
class Strip : public Decoder {
 public:
  Strip(const Json& json, const std::string& where)
      : content_(json_string(json, "content", where)),
        start_(json_int(json, "start", where)),
        stop_(json_int(json, "stop", where)) {
    check(!content_.empty() && char_at(content_, 0).size == content_.size(),
          "{}: \"content\" is \"{}\", expected one character", where, content_);
  }
  void decode(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) {
      std::string_view text = token;
      for (int64_t i = 0; i < start_ && text.starts_with(content_); ++i) text.remove_prefix(content_.size());
      for (int64_t i = 0; i < stop_ && text.ends_with(content_); ++i) text.remove_suffix(content_.size());
      token = std::string(text);
    }
  }

 private:
  std::string content_;
  int64_t start_, stop_;
};

void replace_all(std::string& text, const std::string& what, std::string_view with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
    text.replace(at, what.size(), with);
  }
}

// "▁" is a space, but in the first token, where it may have been put in front, it is nothing.
class Metaspace : public Decoder {
 public:
  Metaspace(const Json& json, const std::string& where)
      : replacement_(json_string(json, "replacement", where)),
        prepended_(json_bool(json, "add_prefix_space", where, true) &&
                   json_string(json, "prepend_scheme", where, "always") != "never") {
    check(!replacement_.empty(), "{}: \"replacement\" is empty", where);
  }
  void decode(std::vector<std::string>& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      const std::string_view space = i == 0 && prepended_ ? "" : " ";
      replace_all(tokens[i], replacement_, space);
    }
  }

 private:
  std::string replacement_;
  bool prepended_;
};

// The end of a word ("</w>") is a space, but for the last.
class BpeSuffix : public Decoder {
 public:
  BpeSuffix(const Json& json, const std::string& where) : suffix_(json_string(json, "suffix", where)) {
    check(!suffix_.empty(), "{}: \"suffix\" is empty", where);
  }
  void decode(std::vector<std::string>& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      const std::string_view space = i + 1 == tokens.size() ? "" : " ";
      replace_all(tokens[i], suffix_, space);
    }
  }

 private:
  std::string suffix_;
};

}  // namespace

std::unique_ptr<Decoder> make_decoder(const Json& json, const std::string& where) {
  static constexpr std::string_view kKnown[] = {"Sequence", "ByteLevel", "ByteFallback", "Fuse",
                                                "Replace",  "Strip",     "Metaspace",    "BPEDecoder"};
  if (json.is_null()) return nullptr;
  const std::string type = component_type(json, where);
  const std::string inside = where + ": " + type;
  if (type == "Sequence") return std::make_unique<Sequence>(json, where);
  if (type == "ByteLevel") return std::make_unique<ByteLevel>();
  if (type == "ByteFallback") return std::make_unique<ByteFallback>();
  if (type == "Fuse") return std::make_unique<Fuse>();
  if (type == "Replace") return std::make_unique<Replace>(json, where);
  if (type == "Strip") return std::make_unique<Strip>(json, inside);
  if (type == "Metaspace") return std::make_unique<Metaspace>(json, inside);
  if (type == "BPEDecoder") return std::make_unique<BpeSuffix>(json, inside);
  fail_unknown(where, "type", type, kKnown);
}

}  // namespace lethe::text
