#include "lethe/text/dataset.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "lethe/base/error.h"
#include "lethe/base/interrupt.h"
#include "lethe/base/json.h"

namespace lethe::text {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view text_field(const Json& record, const char* key, const std::string& where) {
  const Json* value = find_field(record, key);
  check(value != nullptr, "{}: the field \"{}\" is missing", where, key);
  if (!value->is_string()) fail("{}: \"{}\" is {}, expected a string", where, key, shown(*value));
  return value->get_ref<const std::string&>();
}

class Reader {
 public:
  Reader(const fs::path& path, const TokenizerSource& tokenizer, const DatasetOptions& options)
      : path_(path.string()), tokenizer_(tokenizer), options_(options) {}

  void add_text(std::string_view text) {
    Example whole;
    whole.append(tokenizer(path_).encode(text, true), true);
    check(whole.target_count() > 0, "{}: {} tokens, expected text of at least 2", path_, whole.size());
    const bool ends = add_end(whole);
    const std::span<const int32_t> ids = whole.ids;
    const size_t window = options_.max_seq_length > 0 ? static_cast<size_t>(options_.max_seq_length) : ids.size();
    for (size_t at = 0; at < ids.size(); at += window) {
      if (at + 1 == ids.size() && !ends) break;  // one token has no target; but the text's end is to be learned
      const size_t begin = at + 1 == ids.size() ? at - 1 : at;
      Example example;
      example.append(ids.subspan(begin, std::min(window, ids.size() - begin)), true);
      dataset_.examples.push_back(std::move(example));
    }
  }

  void add_record(const Json& record, const std::string& where) {
    if (interrupted()) throw Interrupted(fmt::format("interrupted while reading {}", path_));
    if (!record.is_object()) fail("{}: found {}, expected an object", where, shown(record));
    Example example = to_example(record, where);
    const int64_t targets = example.target_count();
    check(targets > 0, "{}: none of the {} tokens is a target, so there is nothing to learn or to score", where,
          example.size());
    check(!options_.plain || std::equal(example.ids.begin() + 1, example.ids.end(), example.labels.begin() + 1),
          "{}: a prompt or labels, and pretraining learns every token: expected {{\"text\"}}, or {{\"input_ids\"}} "
          "alone; `lethe finetune` trains on answers",
          where);
    if (options_.max_seq_length > 0 && example.truncate(options_.max_seq_length)) {
      dataset_.truncated.push_back(static_cast<int64_t>(dataset_.examples.size()));
      check(example.target_count() > 0,
            "{}: all {} targets lie behind the first {} tokens (the maximal sequence length)", where, targets,
            options_.max_seq_length);
    }
    check(options_.positions == 0 || example.size() <= options_.positions,
          "{}: {} tokens, the model has {} positions; --max-seq-length cuts", where, example.size(),
          options_.positions);
    dataset_.examples.push_back(std::move(example));
  }

  Dataset finish() {
    check(!dataset_.examples.empty(), "{}: empty, expected records", path_);
    return std::move(dataset_);
  }

 private:
  const Tokenizer& tokenizer(const std::string& where) const {
    const Tokenizer* tokenizer = tokenizer_();
    check(tokenizer != nullptr,
          "{}: text needs a tokenizer and the model has none; records with \"input_ids\" would do", where);
    return *tokenizer;
  }

  Example to_example(const Json& record, const std::string& where) {
    if (has_field(record, "input_ids")) return from_ids(record, where);
    if (has_field(record, "messages")) return from_messages(record, where);
    if (has_field(record, "prompt") || has_field(record, "completion")) {
      check(has_field(record, "completion") || !has_field(record, "new"),
            "{}: a fact with a new answer; to learn facts use `lethe update`, to train on text \"completion\"", where);
      Example example =
          encode_apart(tokenizer(where), text_field(record, "prompt", where), text_field(record, "completion", where));
      add_end(example);
      return example;
    }
    if (has_field(record, "instruction") || has_field(record, "output")) return from_instruction(record, where);
    if (!has_field(record, "text"))
      fail(
          "{}: no known fields, expected those of one of {{\"text\"}}, {{\"prompt\", \"completion\"}}, "
          "{{\"instruction\", "
          "\"input\", \"output\"}}, {{\"messages\"}}, {{\"input_ids\", \"labels\"}}",
          where);
    Example example;
    example.append(tokenizer(where).encode(text_field(record, "text", where), true), true);
    add_end(example);
    return example;
  }

  // Where it is asked for, and there is something to end.
  bool add_end(Example& example) {
    if (!options_.add_eos_token || example.target_count() == 0) return false;
    const auto end = tokenizer(path_).eos_id();
    check(end.has_value(), "{}: --add-eos-token, and the model's tokenizer names no end-of-text token", path_);
    example.append(std::span(&*end, 1), true);
    return dataset_.eos_added = true;
  }

  Example from_instruction(const Json& record, const std::string& where) {
    dataset_.uses_template = true;
    const std::string_view instruction = text_field(record, "instruction", where);
    const std::string_view output = text_field(record, "output", where);
    const std::string_view input = has_field(record, "input") ? text_field(record, "input", where) : "";
    check(!output.empty(), "{}: \"output\" is empty, expected text", where);
    if (options_.format.kind == TemplateKind::kChat) {
      const std::string question = std::string(instruction) + (input.empty() ? "" : "\n") + std::string(input);
      const Message messages[] = {{"user", question}, {"assistant", std::string(output)}};
      return encode_chat(messages, where);
    }
    Example example = encode_apart(tokenizer(where), alpaca_prompt(instruction, input), output);
    if (const auto end = tokenizer(where).eos_id()) example.append(std::span(&*end, 1), true);
    return example;
  }

  Example from_messages(const Json& record, const std::string& where) {
    dataset_.uses_template |= options_.format.kind == TemplateKind::kChat;
    const Json& list = record["messages"];
    if (!list.is_array())
      fail("{}: \"messages\" is {}, expected a list of {{\"role\", \"content\"}}", where, shown(list));
    std::vector<Message> messages;
    for (size_t i = 0; i < list.size(); ++i) {
      const std::string place = fmt::format("{}, message {}", where, i);
      if (!list[i].is_object()) fail("{}: found {}, expected an object with role and content", place, shown(list[i]));
      messages.push_back(
          {std::string(text_field(list[i], "role", place)), std::string(text_field(list[i], "content", place))});
    }
    return encode_chat(messages, where);
  }

  // What is wrong with a conversation, and where it stands.
  Example encode_chat(std::span<const Message> messages, const std::string& where) const {
    const Tokenizer& with = tokenizer(where);
    try {
      return encode_messages(with, options_.format, messages);
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      fail("{}: {}", where, error.what());
    }
  }

  Example from_ids(const Json& record, const std::string& where) const {
    Example example;
    example.ids = integers(record, "input_ids", where);
    example.labels = has_field(record, "labels") ? integers(record, "labels", where) : example.ids;
    check(example.labels.size() == example.ids.size(), "{}: {} labels, expected {} as input_ids", where,
          example.labels.size(), example.ids.size());
    if (!example.labels.empty()) example.labels[0] = kNoTarget;
    return example;
  }

  std::vector<int32_t> integers(const Json& record, const char* key, const std::string& where) const {
    const bool labels = std::string_view(key) == "labels";
    const int64_t end = options_.vocab_size > 0 ? options_.vocab_size : std::numeric_limits<int32_t>::max();
    const Json& list = record[key];
    if (!list.is_array()) fail("{}: \"{}\" is {}, expected a list of integers", where, key, shown(list));
    std::vector<int32_t> values;
    values.reserve(list.size());
    for (const Json& value : list) {
      const bool integer =
          value.is_number_integer() && !(value.is_number_unsigned() && value.get<uint64_t>() > INT32_MAX);
      const int64_t id = integer ? value.get<int64_t>() : -1;
      if ((id < 0 || id >= end) && !(labels && id == kNoTarget))
        fail("{}: \"{}\"[{}] is {}, expected {}an id from 0 to {}", where, key, values.size(), shown(value),
             labels ? "-100 or " : "", end - 1);
      values.push_back(static_cast<int32_t>(id));
    }
    return values;
  }

  std::string path_;
  const TokenizerSource& tokenizer_;
  const DatasetOptions& options_;
  Dataset dataset_;
};

void read_lines(std::string_view text, const std::string& path, Reader& reader) {
  for (int64_t line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view current = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (current.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = fmt::format("{}, line {}", path, line);
    reader.add_record(parse_json(current, where), where);
  }
}

void read_list(std::string_view text, const std::string& path, Reader& reader) {
  const Json list = parse_json(text, path);
  for (size_t i = 0; i < list.size(); ++i) reader.add_record(list[i], fmt::format("{}, index {}", path, i));
}

}  // namespace

TokenizerSource opened_when_needed(std::function<std::optional<Tokenizer>()> open) {
  const auto opened = std::make_shared<std::optional<Tokenizer>>();
  return [open = std::move(open), opened]() -> const Tokenizer* {
    if (!*opened) *opened = open();
    return *opened ? &**opened : nullptr;
  };
}

Dataset read_examples(const fs::path& path, const TokenizerSource& tokenizer, const DatasetOptions& options) {
  const std::string kind = path.extension().string();
  if (kind != ".txt" && kind != ".jsonl" && kind != ".json")
    fail("{}: expected a file of text (.txt) or of records (.jsonl, .json), told by the name's end", path.string());
  if (options.max_seq_length < 0 || options.max_seq_length == 1)
    fail_usage("the maximal sequence length is {}, expected 2 or more (one token predicts nothing)",
               options.max_seq_length);
  const std::string bytes = read_file(path);
  std::string_view text = bytes;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Reader reader(path, tokenizer, options);
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (kind == ".txt") {
    reader.add_text(text);
  } else if (kind == ".json" && begin != std::string_view::npos && text[begin] == '[') {
    read_list(text, path.string(), reader);
  } else {
    read_lines(text, path.string(), reader);
  }
  return reader.finish();
}

}  // namespace lethe::text
